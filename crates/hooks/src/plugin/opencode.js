// Puts AgentTrust ID in front of every tool of opencode: nothing runs unless the hook says yes, and what runs is exactly
// what it gives back. `agenttrust install opencode` wrote this file, and `agenttrust uninstall opencode` removes it.
import { spawn } from "node:child_process"

// The program that is asked, its arguments, and the longest time in milliseconds that it may take.
const HOOK = null

const FAILED = "AgentTrust: not approved (internal). Do not retry unchanged. The hook of AgentTrust ended without an answer. Next step: Ask the person to run agenttrust doctor."

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value)

export const AgentTrust = async ({ client, directory }) => {
  // The hooks that wait, by session; the model's message of a call; the calls that were allowed, with what the model is
  // to be told beside their results.
  const waiting = new Map()
  const messages = new Map()
  const allowed = new Map()
  const key = (session, call) => JSON.stringify([session, call])

  const toast = (message, variant) => {
    const shown = client?.tui?.showToast?.({ body: { title: "AgentTrust", message, variant, duration: 15000 } })
    Promise.resolve(shown).catch(() => {})
  }

  // One process for each event. Whatever is not an answer is an error, and an error is a no.
  const hook = (event, onLine = () => {}) =>
    new Promise((resolve, reject) => {
      const child = spawn(HOOK.program, HOOK.args, { cwd: directory, stdio: ["pipe", "pipe", "pipe"] })
      const of = waiting.get(event.session) ?? new Set()
      waiting.set(event.session, of.add(child))
      const late = setTimeout(() => child.kill("SIGTERM"), HOOK.limit)
      let [answer, said, line] = ["", "", ""]
      child.stdout.setEncoding("utf8").on("data", (text) => (answer += text))
      child.stderr.setEncoding("utf8").on("data", (text) => {
        const lines = (line + text).split("\n")
        line = lines.pop()
        for (const whole of lines.filter((one) => one.trim() !== "")) onLine((said = whole))
      })
      const ended = (end) => {
        clearTimeout(late)
        of.delete(child)
        if (of.size === 0) waiting.delete(event.session)
        end()
      }
      child.on("error", () => ended(() => reject(new Error(FAILED))))
      child.on("close", (code) => {
        // Of a hook that was killed the last words are none of an answer.
        const why = code === null ? FAILED : line.trim() || said || FAILED
        ended(() => (code === 0 ? resolve(answer) : reject(new Error(why))))
      })
      // A hook that is gone says so by its end.
      child.stdin.on("error", () => {})
      child.stdin.end(JSON.stringify(event))
    })

  // The person has stopped the session: their devices need not answer any more.
  const withdraw = (session) => {
    for (const child of waiting.get(session) ?? []) child.kill("SIGTERM")
  }

  const ended = async (session, call, failed) => {
    const context = allowed.get(key(session, call))
    allowed.delete(key(session, call))
    messages.delete(key(session, call))
    // The tool has run: what cannot be reported stays unknown in the history.
    if (context !== undefined) await hook({ event: "tool.execute.after", session, call, failed }).catch(() => {})
    return context
  }

  // opencode hands a sub-agent its work as a message of the user's, in a session that has a parent.
  const isPersons = async (session) => {
    const found = await client.session.get({ path: { id: session } }).catch(() => undefined)
    return isObject(found?.data) && found.data.id === session && !found.data.parentID
  }

  return {
    "tool.execute.before": async (input, output) => {
      const { tool, sessionID: session, callID: call } = input
      if (!isObject(output.args)) throw new Error(FAILED)
      const message = messages.get(key(session, call))
      const event = { event: "tool.execute.before", session, directory, call, message, tool, args: output.args }
      const text = await hook(event, (line) => toast(line, "info"))
      let answer
      try {
        answer = JSON.parse(text)
      } catch {
        throw new Error(FAILED)
      }
      if (answer?.notice) toast(answer.notice, "warning")
      if (answer?.decision !== "allow" || !isObject(answer.args)) throw new Error(answer?.reason || FAILED)
      for (const name of Object.keys(output.args)) delete output.args[name]
      for (const [name, value] of Object.entries(answer.args)) {
        Object.defineProperty(output.args, name, { value, writable: true, enumerable: true, configurable: true })
      }
      allowed.set(key(session, call), answer.context ?? "")
    },

    "tool.execute.after": async (input, output) => {
      const exit = output?.metadata?.exit
      const context = await ended(input.sessionID, input.callID, typeof exit === "number" && exit !== 0)
      if (!context) return
      if (typeof output?.output === "string") output.output = `${context}\n${output.output}`
      else if (Array.isArray(output?.content)) output.content.unshift({ type: "text", text: context })
    },

    "chat.message": async (input, output) => {
      const parts = output.parts.filter((part) => part.type === "text" && !part.synthetic)
      const person = parts.length > 0 && (await isPersons(input.sessionID))
      const event = { event: "chat.message", session: input.sessionID, person, text: parts.map((part) => part.text).join("\n") }
      const text = await hook(event)
      if (text.trim() !== "") throw new Error(JSON.parse(text).reason || FAILED)
    },

    event: async ({ event }) => {
      const { type, properties } = event
      if (type === "message.part.updated" && properties.part?.type === "tool") {
        const { sessionID, callID, messageID, state } = properties.part
        if (state?.status === "pending") messages.set(key(sessionID, callID), messageID)
        if (state?.status === "error") await ended(sessionID, callID, true)
      }
      if (["session.idle", "session.error", "session.deleted"].includes(type)) {
        withdraw(properties.sessionID ?? properties.info?.id)
      }
    },

    dispose: async () => {
      for (const session of waiting.keys()) withdraw(session)
    },
  }
}
