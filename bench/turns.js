/**
 * Runs processes that take turns for as long as the benchmark runs, so that all are warm and share the same conditions.
 */
import { fork } from "node:child_process"
import { here } from "./processes.js"

/** Call in the child. `turn` gets the question and returns a promise of the answer. */
export const serve = (turn) => {
  process.on("message", (question) => {
    turn(question).then(
      (answer) => process.send(answer),
      (error) => {
        console.error(error)
        process.exit(1)
      }
    )
  })
  process.on("disconnect", () => process.exit(0))
  process.send("ready")
}

/** Milliseconds after which a turn fails. */
const patience = 60_000

const answerOf = (child, name) =>
  new Promise((resolve, reject) => {
    const onExit = (code) => reject(new Error(`${name} ended with ${code}`))
    const timer = setTimeout(() => reject(new Error(`${name} does not answer`)), patience)
    child.once("exit", onExit)
    child.once("message", (answer) => {
      clearTimeout(timer)
      child.off("exit", onExit)
      resolve(answer)
    })
  })

/** Starts a process of `script` with the name and the other arguments. */
export const startTurns = async (script, name, ...args) => {
  const child = fork(here(script), [name, ...args])
  await answerOf(child, name)
  return {
    name,
    ask: (question) => {
      const answer = answerOf(child, name)
      child.send(question)
      return answer
    },
    stop: () => child.disconnect()
  }
}

/** Runs rounds with one turn of each process. Returns the answers by the names of the processes. */
export const interleave = async (processes, rounds, question) => {
  const answers = new Map(processes.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const { ask, name } of processes) answers.get(name).push(await ask(question))
  }
  return answers
}
