/**
 * Processes that live as long as the benchmark and take turns, so that each is warm and all see the same machine.
 */
import { fork } from "node:child_process"
import { here } from "./processes.js"

/** In the child: `turn` gets what was asked and gives a promise of the answer. */
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

/** Milliseconds after which a turn hangs. */
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

/** A process that serves turns of `script`, which gets the name and the other arguments. */
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

/** The answers of each process by its name: one turn for all of them, then the next. */
export const interleave = async (processes, rounds, question) => {
  const answers = new Map(processes.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const { ask, name } of processes) answers.get(name).push(await ask(question))
  }
  return answers
}
