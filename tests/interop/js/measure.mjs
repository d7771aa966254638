// Commands of the benchmarks.
import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Unsupported } from './host.mjs'
import { addrOf, COMMAND_MS, numbers, sleep } from './connect.mjs'

// Processor time of this process, user and system, all threads.
export function cpuSeconds () {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

async function cpu () {
  return { cpu_s: cpuSeconds(), wall_s: process.uptime() }
}

async function memory () {
  const text = readFileSync('/proc/self/smaps_rollup', 'utf8')
  return { pss_kib: Number(/^Pss: *(\d+) kB/m.exec(text)[1]) }
}

async function collect () {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc')
  for (let i = 0; i < 3; i++) {
    gc()
    await sleep(50)
  }
  return await memory()
}

async function handshakes (peer, words) {
  const { addr } = addrOf(words)
  const [n, ms] = numbers(words, 1, 2)
  const start = performance.now()
  const used = cpuSeconds()
  let count = 0
  for (; count < n && performance.now() - start < ms; count++) {
    const c = await peer.node.dial(addr, { signal: AbortSignal.timeout(COMMAND_MS) })
    const closed = new Promise(resolve => c.addEventListener('close', resolve))
    c.abort(new Error('done'))
    await closed
  }
  return { count, seconds: (performance.now() - start) / 1000, cpu_s: cpuSeconds() - used }
}

const held = []

async function hold (peer, words) {
  const { addr } = addrOf(words)
  const [n] = numbers(words, 1, 1)
  for (let i = 0; i < n; i++) {
    held.push(await peer.node.dial(addr, { force: true, signal: AbortSignal.timeout(COMMAND_MS) }))
  }
  return { held: held.length }
}

async function raw () {
  throw new Unsupported('raw')
}

export const commands = { cpu, memory, collect, handshakes, hold, raw }
