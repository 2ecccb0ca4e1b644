/** Measures the time and the CPU time of importing modules. Usage: import.js <module> ... */
const cpu = process.cpuUsage()
const before = performance.now()
for (const module of process.argv.slice(2)) await import(module)
const millis = performance.now() - before
const { system, user } = process.cpuUsage(cpu)
console.log(JSON.stringify({ millis, cpu: user + system }))
