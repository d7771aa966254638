// js-libp2p behind the line protocol of ../README.md: it is told on standard input what to do to
// other peers, and answers each command by one line of JSON.
import { createInterface } from 'node:readline'
import { Unsupported, Usage, features, kindOf, makePeer, parseFlags, textOf, version } from './host.mjs'
import * as connect from './connect.mjs'
import * as streams from './streams.mjs'
import * as measure from './measure.mjs'

const commands = { ...connect.commands, ...streams.commands, ...measure.commands }

// One line to standard output.
function say (line) {
  process.stdout.write(line + '\n')
}

// Obeys one command and gives its answer, "ok" included.
async function run (peer, line) {
  const [name, ...words] = line.split(' ')
  try {
    if (!Object.hasOwn(commands, name)) throw new Usage(name)
    return { ok: true, ...await commands[name](peer, words) }
  } catch (err) {
    return { ok: false, kind: kindOf(err), error: textOf(err) }
  }
}

async function main () {
  let config
  try {
    config = parseFlags(process.argv.slice(2))
  } catch (err) {
    console.error(textOf(err))
    process.exit(err instanceof Unsupported ? 3 : 2)
  }
  if (config.features) {
    say(JSON.stringify({ kind: 'js', version: version(), features }))
    return
  }
  const peer = await makePeer(config)
  for (const addr of peer.node.getMultiaddrs()) say(`listening ${addr}`)
  say(`ready ${peer.node.peerId}`)
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'quit') break
    say(JSON.stringify(await run(peer, line)))
  }
  await Promise.race([peer.node.stop(), new Promise(resolve => setTimeout(resolve, 2000))])
  process.stdout.write('{"ok":true}\n', () => process.exit(0))
}

// What goes wrong in a stream that nobody waits for any more concerns no command.
process.on('unhandledRejection', err => console.error('unhandled:', textOf(err)))

await main()
