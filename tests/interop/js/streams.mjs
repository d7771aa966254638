// Commands that open streams.
import { Usage } from './host.mjs'
import { COMMAND_MS, numbers, peerOf, sleep } from './connect.mjs'
import { ECHO, PERF, RESET, SINK, after, check, consume, pattern, sendBlank, u64, write } from './serve.mjs'
import { cpuSeconds } from './measure.mjs'

const BULK_MS = 300_000
const CHUNK = 32 << 10

// A connection that is there.
function connectionTo (peer, id) {
  const connection = peer.node.getConnections(id).find(c => c.status === 'open')
  if (connection == null) throw new Error('no connection')
  return connection
}

// Opens a stream on a connection that is there.
async function open (peer, id, protocol) {
  return await connectionTo(peer, id).newStream(protocol, {
    signal: AbortSignal.timeout(COMMAND_MS), maxOutboundStreams: 100_000, runOnLimitedConnection: true
  })
}

// Ends a stream that does not end by itself.
async function inTime (stream, promise) {
  const timer = setTimeout(() => stream.abort(new Error('timeout')), BULK_MS)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}

const seconds = start => (performance.now() - start) / 1000

// The library's ping, on the connection that is there: asked for a peer that only a limited
// connection leads to, the library would dial once more.
async function pings (peer, id, n) {
  const rtts = []
  const connection = connectionTo(peer, id)
  const connectionManager = { openStream: (_, protocol, options) => connection.newStream(protocol, options) }
  const service = Object.create(peer.node.services.ping, { components: { value: { connectionManager } } })
  for (let i = 0; i < n; i++) {
    const start = performance.now()
    await service.ping(id, { signal: AbortSignal.timeout(COMMAND_MS) })
    rtts.push(Math.round(1000 * (performance.now() - start)))
  }
  return rtts
}

async function ping (peer, words) {
  const [n] = numbers(words, 1, 1)
  const rtts = await pings(peer, peerOf(words), n)
  return { count: rtts.length, rtt_us: rtts }
}

// Sends the bytes of the pattern from offset to n and closes the write side.
async function sendPattern (stream, offset, n, progress) {
  while (offset < n) {
    const chunk = pattern(offset, Math.min(CHUNK, n - offset))
    await write(stream, chunk)
    offset += chunk.length
    if (progress != null) progress.wrote = offset
  }
  await stream.close()
}

// Sends bytes offset to n while it reads them back, and ends the stream.
async function echoOn (stream, n, offset = 0) {
  let got = offset
  const back = consume(stream, piece => {
    check(piece, got)
    got += piece.length
  })
  await inTime(stream, Promise.all([back, sendPattern(stream, offset, n)]))
  if (got !== n) throw new Error(`${got} of ${n} bytes came back`)
}

async function echo (peer, words) {
  const [bytes] = numbers(words, 1, 1)
  const stream = await open(peer, peerOf(words), ECHO)
  const start = performance.now()
  await echoOn(stream, bytes)
  return { bytes, seconds: seconds(start) }
}

async function streams (peer, words) {
  const id = peerOf(words)
  const [count, bytes] = numbers(words, 2, 2)
  const start = performance.now()
  if (words[1] === 'sequential') {
    for (let i = 0; i < count; i++) await echoOn(await open(peer, id, ECHO), bytes)
  } else if (words[1] === 'parallel') {
    const all = await Promise.all(Array.from({ length: count }, () => open(peer, id, ECHO)))
    await Promise.all(all.map(stream => echoOn(stream, bytes)))
  } else {
    throw new Usage(words.join(' '))
  }
  return { count, seconds: seconds(start) }
}

async function sink (peer, words) {
  const id = peerOf(words)
  const [bytes, at, ms] = numbers(words, 1, 3)
  const stream = await open(peer, id, SINK)
  const start = performance.now()
  const progress = { wrote: 0 }
  let counted
  const answer = consume(stream, after(8, view => { counted = Number(view.getBigUint64(0)) }, () => {}))
  const send = async () => {
    await write(stream, u64(at, ms))
    await sendPattern(stream, 0, bytes, progress)
  }
  const whole = inTime(stream, Promise.all([answer, send()]))
  whole.catch(() => {})
  await sleep(ms / 2)
  const slowest = Math.max(...await pings(peer, id, 10))
  const ahead = progress.wrote - at
  await whole
  return { bytes: counted, seconds: seconds(start), ahead, ping_us: slowest }
}

async function reset (peer, words) {
  const [n] = numbers(words, 1, 1)
  const stream = await open(peer, peerOf(words), RESET)
  let bytes = 0
  const end = consume(stream, piece => { bytes += piece.length }).then(() => 'eof', () => 'reset')
  await write(stream, u64(n))
  return { end: await inTime(stream, end), bytes, code: null }
}

async function abort (peer, words) {
  const [bytes] = numbers(words, 1, 1)
  const stream = await open(peer, peerOf(words), ECHO)
  let got = 0
  await inTime(stream, new Promise((resolve, reject) => {
    consume(stream, piece => {
      check(piece, got)
      got += piece.length
      if (got === bytes) resolve()
    }).then(() => reject(new Error('ended early')), reject)
    write(stream, pattern(0, bytes)).catch(reject)
  }))
  stream.abort(new Error('asked to abort'))
  return { bytes }
}

async function perf (peer, words) {
  const [up, down] = numbers(words, 1, 2)
  const stream = await open(peer, peerOf(words), PERF)
  const cpu = cpuSeconds()
  const start = performance.now()
  let first = null
  let got = 0
  const back = consume(stream, piece => {
    first ??= performance.now()
    got += piece.length
  })
  const send = async () => {
    await write(stream, u64(down))
    await sendBlank(stream, up)
    await stream.close()
  }
  await inTime(stream, Promise.all([back, send()]))
  const end = performance.now()
  first ??= end
  return { up, down: got, up_s: (first - start) / 1000, down_s: (end - first) / 1000, cpu_s: cpuSeconds() - cpu }
}

export const commands = { ping, echo, streams, sink, reset, abort, perf }
