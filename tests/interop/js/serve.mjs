// Protocols that every interop program serves, and how streams are read and written here.

export const ECHO = '/peerup/interop/echo/1.0.0'
export const SINK = '/peerup/interop/sink/1.0.0'
export const RESET = '/peerup/interop/reset/1.0.0'
export const PERF = '/perf/1.0.0'

// What a stream whose reader pauses may pile up here; the library resets it at 4 MiB, less than the
// window that it grants.
const READ_BUFFER_MAX = 64 << 20

const CHUNK = 64 << 10
const blank = new Uint8Array(CHUNK)

export class ResetError extends Error {
  name = 'StreamResetError'
}

// n bytes of the common pattern from offset on.
export function pattern (offset, n) {
  const out = new Uint8Array(n)
  for (let i = 0, at = offset; i < n; i++, at++) out[i] = at + (at >>> 8) + (at >>> 16)
  return out
}

// Throws if a byte is not the one that was sent.
export function check (bytes, offset) {
  for (let i = 0, at = offset; i < bytes.length; i++, at++) {
    if (bytes[i] !== ((at + (at >>> 8) + (at >>> 16)) & 255)) throw new Error(`byte ${at} is not the one that was sent`)
  }
}

// Gives each piece that comes to take, until the other side has closed its end. Rejects when the
// stream was reset, and resets it when take throws.
export function consume (stream, take) {
  return new Promise((resolve, reject) => {
    const ended = err => {
      stream.removeEventListener('message', message)
      if (err == null && stream.status === 'reset') err = new ResetError('stream reset')
      if (err == null && stream.status === 'aborted') err = new ResetError('stream aborted')
      if (err != null) reject(err)
      else resolve()
    }
    const message = ({ data }) => {
      try {
        if (data instanceof Uint8Array) take(data)
        else for (const piece of data) take(piece)
      } catch (err) {
        stream.abort(err)
        ended(err)
      }
    }
    stream.addEventListener('message', message)
    stream.addEventListener('end', () => ended())
    stream.addEventListener('close', event => {
      if (event.error != null || stream.readBufferLength === 0) ended(event.error)
    })
    if (stream.readableEnded) queueMicrotask(ended)
  })
}

// Collects count bytes of a header out of pieces and hands what follows to take.
export function after (count, head, take) {
  const bytes = new Uint8Array(count)
  let have = 0
  return piece => {
    if (have < count) {
      const part = piece.subarray(0, count - have)
      bytes.set(part, have)
      have += part.length
      if (have === count) head(new DataView(bytes.buffer))
      piece = piece.subarray(part.length)
    }
    if (piece.length > 0) take(piece)
  }
}

// The stream can take more. Its own onDrain() keeps the promise of the first time, which then is
// always kept already.
function drained (stream) {
  return new Promise((resolve, reject) => {
    const over = event => {
      stream.removeEventListener('drain', over)
      stream.removeEventListener('close', over)
      if (event.type === 'drain') resolve()
      else reject(event.error ?? new ResetError('stream closed'))
    }
    stream.addEventListener('drain', over)
    stream.addEventListener('close', over)
  })
}

export async function write (stream, bytes) {
  if (!stream.send(bytes)) await drained(stream)
}

// Sends n bytes whose values do not matter.
export async function sendBlank (stream, n) {
  for (; n > 0; n -= CHUNK) await write(stream, blank.subarray(0, Math.min(n, CHUNK)))
}

export function u64 (...numbers) {
  const view = new DataView(new ArrayBuffer(8 * numbers.length))
  numbers.forEach((n, i) => view.setBigUint64(8 * i, BigInt(n)))
  return new Uint8Array(view.buffer)
}

const number = (view, at) => Number(view.getBigUint64(at))

// The reader goes on, unless the stream ended while it stood still.
function resume (stream) {
  if (stream.readStatus === 'paused') stream.resume()
}

export async function serveEcho (stream, peer) {
  stream.maxReadBufferLength = READ_BUFFER_MAX
  stream.addEventListener('close', event => {
    if (event.error != null && event.local !== true) peer.resetsSeen++
  })
  let offset = 0
  await consume(stream, piece => {
    check(piece, offset)
    offset += piece.length
    if (!stream.send(piece) && stream.readStatus === 'readable') {
      stream.pause()
      drained(stream).then(() => resume(stream), () => {})
    }
  })
  await stream.close()
}

async function serveSink (stream) {
  stream.maxReadBufferLength = READ_BUFFER_MAX
  let at
  let pause
  let offset = 0
  await consume(stream, after(16, view => {
    at = number(view, 0)
    pause = number(view, 8)
  }, piece => {
    check(piece, offset)
    const before = offset
    offset += piece.length
    if (before <= at && offset > at && pause > 0) {
      stream.pause()
      setTimeout(() => resume(stream), pause)
      pause = 0
    }
  }))
  await write(stream, u64(offset))
  await stream.close()
}

async function serveReset (stream) {
  const n = await new Promise((resolve, reject) => {
    consume(stream, after(8, view => resolve(number(view, 0)), () => {})).then(() => {}, reject)
  })
  await sendBlank(stream, n)
  stream.abort(new Error('asked for a reset'))
}

async function servePerf (stream) {
  let down = 0
  await consume(stream, after(8, view => { down = number(view, 0) }, () => {}))
  await sendBlank(stream, down)
  await stream.close()
}

// Serves one more protocol.
export async function handle (peer, protocol, serveStream) {
  await peer.node.handle(protocol, async stream => {
    peer.streamsIn[protocol] = (peer.streamsIn[protocol] ?? 0) + 1
    try {
      await serveStream(stream, peer)
    } catch (err) {
      stream.abort(err)
    }
  }, { maxInboundStreams: 100_000, maxOutboundStreams: 100_000, runOnLimitedConnection: true })
}

export async function serve (peer) {
  await handle(peer, ECHO, serveEcho)
  await handle(peer, SINK, serveSink)
  await handle(peer, RESET, serveReset)
  await handle(peer, PERF, servePerf)
}
