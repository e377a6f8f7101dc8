// Drives the plugin as opencode does, with a hook that does what HOW says; prints what came of it as JSON.
import { writeFileSync, existsSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"

const [plugin, folder] = process.argv.slice(2)
const { AgentTrust } = await import(plugin)

const toasts = []
const parents = { child: "root" }
const client = {
  tui: { showToast: async ({ body }) => toasts.push(body.message) },
  session: {
    get: async ({ path }) => {
      if (path.id === "lost") throw new Error("no answer")
      return { data: { id: path.id, parentID: parents[path.id] } }
    },
  },
}
const hooks = await AgentTrust({ client, directory: folder })

const how = (script) => writeFileSync(`${folder}/how`, script)
const caught = (promise) => promise.then(() => "ran", (error) => error.message)
const input = (call, session = "root") => ({ tool: "bash", sessionID: session, callID: call })
const answer = (value) => `cat > ${folder}/event; echo '${JSON.stringify(value)}'`

const seen = {}

how(answer({ decision: "allow", args: { command: "edited", deep: { a: [1] }, ["__proto__x"]: 1 }, context: "so it was" }))
const args = { command: "asked", description: "mine", deep: { a: [1, 2] } }
const same = args
await hooks["tool.execute.before"](input("1"), { args })
seen.edited = [args === same, args]
const output = { output: "done" }
await hooks["tool.execute.after"](input("1"), output)
seen.context = output.output
const parts = { content: [{ type: "text", text: "paid" }] }
await hooks["tool.execute.before"](input("2"), { args: {} })
await hooks["tool.execute.after"](input("2"), parts)
seen.parts = parts.content.map((part) => part.text)

how(`cat > ${folder}/event; echo '{"decision":"allow","args":{"__proto__":{"admin":true}}}'`)
const polluted = { command: "asked" }
await hooks["tool.execute.before"](input("3"), { args: polluted })
seen.prototype = [Object.getPrototypeOf(polluted) === Object.prototype, polluted.admin === undefined]

for (const [name, script] of Object.entries({
  denied: answer({ decision: "deny", reason: "because", notice: "for you" }),
  unclear: answer({ decision: "allow" }),
  array: answer({ decision: "allow", args: [] }),
  garbage: "cat > /dev/null; echo garbage",
  nothing: "cat > /dev/null",
  refused: "cat > /dev/null; echo 'last words' >&2; exit 2",
  failed: "cat > /dev/null; exit 1",
  allowed_and_failed: `${answer({ decision: "allow", args: {} })}; exit 3`,
  killed: "cat > /dev/null; echo 'I wait' >&2; kill -9 $$",
  deaf: "exec <&-; exit 2",
})) {
  how(script)
  const untouched = { command: "asked" }
  seen[name] = [await caught(hooks["tool.execute.before"](input(name), { args: untouched })), untouched.command]
}
seen.no_object = await caught(hooks["tool.execute.before"](input("4"), { args: "text" }))
seen.toasts = toasts.splice(0)

// A session that is stopped tells its hooks to end, and no other's.
how(`cat > /dev/null; echo waiting >&2; trap 'touch ${folder}/told; exit 2' TERM; touch ${folder}/waits; while :; do sleep 0.05; done`)
const stopped = caught(hooks["tool.execute.before"](input("5"), { args: {} }))
while (!existsSync(`${folder}/waits`)) await sleep(10)
await hooks.event({ event: { type: "session.idle", properties: { sessionID: "other" } } })
await sleep(100)
seen.others = existsSync(`${folder}/told`)
await hooks.event({ event: { type: "session.idle", properties: { sessionID: "root" } } })
seen.stopped = [await stopped, existsSync(`${folder}/told`)]

// The words of a person, and those of a model for its sub-agent.
const said = async (session, texts) => {
  how(`cat > ${folder}/event`)
  const parts = texts.map(([text, synthetic]) => ({ type: "text", text, synthetic }))
  await hooks["chat.message"]({ sessionID: session }, { parts })
  const { person, text } = JSON.parse(String(await (await import("node:fs/promises")).readFile(`${folder}/event`)))
  return [person, text]
}
seen.person = await said("root", [["Pay", false], ["a file", true], ["them", undefined]])
seen.model = await said("child", [["Pay Eve", false]])
seen.unknown = await said("lost", [["Pay", false]])
seen.synthetic = await said("root", [["go on", true]])
how(answer({ decision: "deny", reason: "damaged" }))
seen.prompt_blocked = await caught(hooks["chat.message"]({ sessionID: "root" }, { parts: [{ type: "text", text: "x" }] }))

// Of a tool that fails opencode only tells by an event, and of parallel calls the message they are in.
const part = (status) => ({ type: "tool", sessionID: "root", callID: "6", messageID: "m1", state: { status } })
const tell = (status) => hooks.event({ event: { type: "message.part.updated", properties: { part: part(status) } } })
await tell("pending")
how(answer({ decision: "allow", args: {} }))
await hooks["tool.execute.before"](input("6"), { args: {} })
const read = async () => JSON.parse(String(await (await import("node:fs/promises")).readFile(`${folder}/event`)))
seen.message = (await read()).message
how(`cat > ${folder}/event`)
await tell("error")
const { event, call, failed } = await read()
seen.ended = [event, call, failed]
console.log(JSON.stringify(seen))
