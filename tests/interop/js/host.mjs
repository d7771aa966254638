// The node, as the command line wants it, and what was seen of its traffic.
import { readFileSync } from 'node:fs'
import { noise } from '@chainsafe/libp2p-noise'
import { quic } from '@chainsafe/libp2p-quic'
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { generateKeyPair, generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { identify, identifyPush } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { serve } from './serve.mjs'

// What this program has, of the features that ../README.md lists.
export const features = [
  'tcp', 'quic', 'noise', 'tls', 'no-early-muxer', 'relay', 'monitor', 'break-signature-tcp',
  'reserve', 'reset-seen-tcp'
]

export class Usage extends Error {}
export class Unsupported extends Error {}

const PING = '/ipfs/ping/1.0.0'

// How long handshakes and the like may take: the machine may be busy otherwise.
const PATIENCE_MS = 25_000

export function version () {
  const here = name => JSON.parse(readFileSync(new URL(`./node_modules/${name}/package.json`, import.meta.url))).version
  return `js-libp2p ${here('libp2p')}, quic ${here('@chainsafe/libp2p-quic')}, node ${process.version}`
}

// Every message of an error and of those it is made of.
export function textOf (err) {
  const inner = [...(err.errors ?? []), ...(err.cause != null ? [err.cause] : [])]
  return [err.message ?? String(err), ...inner.map(textOf)].join('; ')
}

// Sorts an error into the few kinds that cases tell apart.
export function kindOf (err) {
  const text = textOf(err)
  if (err instanceof Usage) return 'usage'
  if (err instanceof Unsupported) return 'unsupported'
  if (/does not match expected remote identity|but connected to/.test(text)) return 'peer-id'
  if (err.name === 'UnsupportedProtocolError') return 'protocol'
  if (/time(d )?out/i.test(text)) return 'timeout'
  if (/reset/i.test(err.name) || err.name === 'StreamAbortedError') return 'reset'
  if (/ECONNREFUSED|dials? failed|handshake|encrypt/i.test(text)) return 'refused'
  return 'other'
}

// Flags with a value, and the values they take where those are few.
const valued = {
  '--listen': null, '--key': null, '--transport': ['tcp', 'quic'], '--security': ['noise', 'tls'],
  '--limits': ['none'], '--break': ['signature']
}
const plain = ['--features', '--no-early-muxer', '--relay', '--monitor']

export function parseFlags (args) {
  const flags = {}
  for (let i = 0; i < args.length; i++) {
    const flag = args[i]
    const name = flag.slice(2)
    if (flag === '--retry') throw new Unsupported(flag)
    if (plain.includes(flag)) {
      flags[name] = true
    } else if (Object.hasOwn(valued, flag)) {
      const value = args[++i]
      if (value == null || !(valued[flag]?.includes(value) ?? true)) throw new Usage(`${flag} ${value}`)
      flags[name] = [...(flags[name] ?? []), value]
    } else {
      throw new Usage(flag)
    }
  }
  if (flags.key != null && !/^[0-9a-f]{64}$/i.test(flags.key[0])) throw new Usage(`--key ${flags.key[0]}`)
  return {
    features: flags.features === true,
    listen: flags.listen ?? [],
    seed: flags.key == null ? null : Buffer.from(flags.key[0], 'hex'),
    transports: flags.transport ?? ['tcp', 'quic'],
    security: flags.security ?? ['noise'],
    noEarly: flags['no-early-muxer'] === true,
    noLimits: flags.limits != null,
    relay: flags.relay === true,
    monitor: flags.monitor === true,
    badSigner: flags.break != null
  }
}

// A key whose signatures verify nowhere. QUIC takes the bytes of the key and signs by itself.
function badKey (key) {
  return new Proxy(key, {
    get (target, name) {
      if (name === 'sign') {
        return data => {
          const sig = Uint8Array.from(target.sign(data))
          sig[0] ^= 1
          return sig
        }
      }
      const value = target[name]
      return typeof value === 'function' ? value.bind(target) : value
    }
  })
}

// A security protocol that remembers in peer.early whether the muxer of a connection came with it.
function watched (make, peer, noEarly) {
  return components => {
    const inner = make(components)
    const run = side => async (connection, options) => {
      const result = await inner[side](connection, { ...options, skipStreamMuxerNegotiation: noEarly })
      peer.early.set(connection, result.streamMuxer != null)
      return result
    }
    return new Proxy(inner, {
      get: (target, name) => name === 'secureInbound' || name === 'secureOutbound' ? run(name) : target[name]
    })
  }
}

function nodeOptions (config, peer, key) {
  const many = 1_000_000
  const timeout = PATIENCE_MS
  const transports = { tcp: tcp(), quic: config.noLimits ? quic({ maxConcurrentStreamLimit: 4096 }) : quic() }
  const security = { noise: noise(), tls: tls() }
  const options = {
    privateKey: key,
    addresses: { listen: config.listen },
    nodeInfo: { userAgent: 'peerup-interop-js' },
    transports: [...config.transports.map(name => transports[name]), circuitRelayTransport()],
    connectionEncrypters: config.security.map(name => watched(security[name], peer, config.noEarly)),
    streamMuxers: [config.noLimits ? yamux({ maxInboundStreams: many, maxOutboundStreams: many }) : yamux()],
    connectionMonitor: { enabled: config.monitor },
    connectionManager: {
      dialTimeout: timeout,
      addressDialTimeout: timeout,
      inboundUpgradeTimeout: timeout,
      inboundStreamProtocolNegotiationTimeout: timeout,
      outboundStreamProtocolNegotiationTimeout: timeout
    },
    // A ping counts until the other side's end has come, too; by itself the library has room for one.
    services: {
      identify: identify({ timeout }),
      push: identifyPush({ timeout }),
      ping: ping({ timeout, maxOutboundStreams: 8 })
    }
  }
  if (config.noLimits) {
    Object.assign(options.connectionManager, {
      maxConnections: many, inboundConnectionThreshold: many, maxIncomingPendingConnections: many
    })
  }
  if (config.relay) options.services.relay = circuitRelayServer()
  return options
}

// A peer is {node, config, connsIn, connsOut, streamsIn, resetsSeen, early, identified}.
export async function makePeer (config) {
  const peer = {
    config, connsIn: 0, connsOut: 0, streamsIn: {}, resetsSeen: 0, early: new WeakMap(), identified: new Map()
  }
  let key = config.seed == null ? await generateKeyPair('Ed25519') : await generateKeyPairFromSeed('Ed25519', config.seed)
  if (config.badSigner) key = badKey(key)
  const node = peer.node = await createLibp2p({ ...nodeOptions(config, peer, key), start: false })
  node.addEventListener('connection:open', ({ detail }) => {
    if (detail.direction === 'inbound') peer.connsIn++
    else peer.connsOut++
  })
  node.addEventListener('peer:identify', ({ detail }) => peer.identified.set(detail.peerId.toString(), detail))
  const { handlePing } = node.services.ping
  node.services.ping.handlePing = (stream, connection) => {
    peer.streamsIn[PING] = (peer.streamsIn[PING] ?? 0) + 1
    return handlePing(stream, connection)
  }
  await node.start()
  await serve(peer)
  return peer
}
