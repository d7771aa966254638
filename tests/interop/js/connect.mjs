// Commands about connections and about what is known of a peer.
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { Usage } from './host.mjs'
import { handle, serveEcho } from './serve.mjs'

export const COMMAND_MS = 60_000

export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

// The words of a command after the first `at`, count of them, as numbers.
export function numbers (words, at, count) {
  const rest = words.slice(at)
  if (rest.length !== count || !rest.every(word => /^\d{1,15}$/.test(word))) throw new Usage(words.join(' '))
  return rest.map(Number)
}

export function peerOf (words) {
  try {
    return peerIdFromString(words[0])
  } catch {
    throw new Usage(words.join(' '))
  }
}

export function addrOf (words) {
  try {
    const addr = multiaddr(words[0])
    return { addr, id: peerIdFromString(addr.getComponents().findLast(c => c.name === 'p2p').value) }
  } catch {
    throw new Usage(words.join(' '))
  }
}

// A connection as ../README.md has it.
function describe (peer, c) {
  const addr = c.remoteAddr.toString()
  const relayed = addr.includes('/p2p-circuit')
  const quic = !relayed && addr.includes('/quic-v1')
  return {
    peer: c.remotePeer.toString(),
    addr,
    direction: c.direction === 'inbound' ? 'in' : 'out',
    transport: relayed ? 'relay' : quic ? 'quic' : 'tcp',
    security: quic ? null : c.encryption,
    muxer: quic ? null : c.multiplexer,
    early_muxer: quic ? null : peer.early.get(c.maConn) ?? null,
    age_s: (Date.now() - c.timeline.open) / 1000
  }
}

async function dial (peer, words) {
  const { addr } = addrOf(words)
  const start = performance.now()
  const c = await peer.node.dial(addr, { signal: AbortSignal.timeout(COMMAND_MS) })
  return { ...describe(peer, c), ms: performance.now() - start }
}

async function conns (peer, words) {
  return { conns: peer.node.getConnections(peerOf(words)).map(c => describe(peer, c)) }
}

async function close (peer, words) {
  const id = peerOf(words)
  const closed = peer.node.getConnections(id).length
  await peer.node.hangUp(id)
  return { closed }
}

// Calls found until it gives something or ms have passed; what it gave last.
async function wait (ms, found) {
  for (const end = Date.now() + ms; ; await sleep(5)) {
    const out = await found()
    if (out || Date.now() >= end) return out
  }
}

async function stored (peer, id) {
  try {
    return await peer.node.peerStore.get(id)
  } catch {
    return { protocols: [] }
  }
}

async function identify (peer, words) {
  const id = peerOf(words)
  const seen = await wait(30_000, () => {
    const last = peer.identified.get(id.toString())
    return last?.connection.status === 'open' ? last : undefined
  })
  if (seen == null) throw new Error('identify: timeout')
  const { protocols } = await stored(peer, id)
  const { signedPeerRecord: record } = seen
  return {
    agent: seen.agentVersion ?? null,
    protocol_version: seen.protocolVersion ?? null,
    protocols,
    addrs: seen.listenAddrs.map(String),
    observed: seen.observedAddr?.toString() ?? null,
    key: id.publicKey != null,
    record: record == null ? null : { seq: Number(record.seq), addrs: record.addresses.map(String) }
  }
}

async function known (peer, words) {
  const id = peerOf(words)
  const [ms] = numbers(words, 2, 1)
  const absent = words[1].startsWith('-')
  const proto = absent ? words[1].slice(1) : words[1]
  const has = async () => (await stored(peer, id)).protocols.includes(proto)
  await wait(ms, async () => await has() !== absent)
  return { known: await has() }
}

async function protocol (peer, words) {
  if (words.length !== 2) throw new Usage(words.join(' '))
  if (words[0] === 'add') await handle(peer, words[1], serveEcho)
  else if (words[0] === 'remove') await peer.node.unhandle(words[1])
  else throw new Usage(words.join(' '))
}

// Listening on a relay is how the library makes a reservation; it says nothing of the expiry but to
// its own store.
async function reserve (peer, words) {
  const { addr, id } = addrOf(words)
  const { transportManager } = peer.node.components
  await transportManager.listen([multiaddr(`${addr}/p2p-circuit`)])
  const mine = await wait(30_000, () => peer.node.getMultiaddrs().find(a => a.toString().includes('/p2p-circuit')))
  if (mine == null) throw new Error('no reservation: timeout')
  const transport = transportManager.getTransports().find(t => t.reservationStore != null)
  const expiry = transport?.reservationStore.getReservation(id)?.expire
  return {
    addr: `${addr}/p2p-circuit/p2p/${peer.node.peerId}`,
    expires_s: expiry == null ? null : Number(expiry) - Date.now() / 1000
  }
}

async function stats (peer) {
  return {
    conns_in: peer.connsIn,
    conns_out: peer.connsOut,
    open: peer.node.getConnections().length,
    streams_in: peer.streamsIn,
    resets_seen: peer.resetsSeen,
    reset_code: null
  }
}

export const commands = { dial, conns, close, identify, known, protocol, reserve, stats }
