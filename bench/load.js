/** How long the import of a module takes. Usage: node load.js <module> */
const before = performance.now()
await import(process.argv[2])
console.log(JSON.stringify({ millis: performance.now() - before }))
