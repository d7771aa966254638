package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
)

// config is the command line.
type config struct {
	features   bool
	listen     []string
	seed       []byte
	transports []string
	security   []string
	noEarly    bool
	noLimits   bool
	retry      bool
	relay      bool
	badSigner  bool
}

func parseFlags(args []string) (*config, error) {
	c := &config{}
	value := func(i *int) (string, error) {
		if *i++; *i < len(args) {
			return args[*i], nil
		}
		return "", fmt.Errorf("%w: %s needs a value", errUsage, args[*i-1])
	}
	for i := 0; i < len(args); i++ {
		if err := c.set(args[i], func() (string, error) { return value(&i) }); err != nil {
			return nil, err
		}
	}
	if len(c.transports) == 0 {
		c.transports = []string{"tcp", "quic"}
	}
	if len(c.security) == 0 {
		c.security = []string{"noise"}
	}
	return c, nil
}

// set takes one flag; next gives its value.
func (c *config) set(flag string, next func() (string, error)) error {
	switch flag {
	case "--features":
		c.features = true
	case "--no-early-muxer":
		c.noEarly = true
	case "--retry":
		c.retry = true
	case "--relay":
		c.relay = true
	case "--monitor":
		return fmt.Errorf("%w: %s", errUnsupported, flag)
	case "--listen", "--key", "--transport", "--security", "--limits", "--break":
		v, err := next()
		if err != nil {
			return err
		}
		return c.setValue(flag, v)
	default:
		return fmt.Errorf("%w: %s", errUsage, flag)
	}
	return nil
}

func (c *config) setValue(flag, v string) error {
	ok := true
	switch flag {
	case "--listen":
		c.listen = append(c.listen, v)
	case "--key":
		seed, err := hex.DecodeString(v)
		c.seed, ok = seed, err == nil && len(seed) == ed25519.SeedSize
	case "--transport":
		c.transports, ok = append(c.transports, v), v == "tcp" || v == "quic"
	case "--security":
		c.security, ok = append(c.security, v), v == "noise" || v == "tls"
	case "--limits":
		c.noLimits, ok = true, v == "none"
	case "--break":
		c.badSigner, ok = true, v == "signature"
	}
	if !ok {
		return fmt.Errorf("%w: %s %s", errUsage, flag, v)
	}
	return nil
}

// peerProgram is a host and what was seen of its traffic.
type peerProgram struct {
	cfg  *config
	host host.Host

	connsIn, connsOut atomic.Int64
	resetsSeen        atomic.Int64

	mu         sync.Mutex
	streamsIn  map[string]int
	resetCode  any // of the last reset seen, nil if none
	identified map[peer.ID]event.EvtPeerIdentificationCompleted
	crowd      *crowd // of hold; nil until then
}

// badKey is an identity key whose signatures verify nowhere.
type badKey struct{ crypto.PrivKey }

func (k badKey) Sign(data []byte) ([]byte, error) {
	sig, err := k.PrivKey.Sign(data)
	if err == nil {
		sig[0] ^= 1
	}
	return sig, err
}

func newKey(seed []byte) (crypto.PrivKey, error) {
	if seed == nil {
		k, _, err := crypto.GenerateKeyPair(crypto.Ed25519, 0)
		return k, err
	}
	k, _, err := crypto.GenerateEd25519Key(bytes.NewReader(seed))
	return k, err
}

func newPeer(cfg *config) (*peerProgram, error) {
	key, err := newKey(cfg.seed)
	if err != nil {
		return nil, err
	}
	if cfg.badSigner {
		key = badKey{key}
	}
	h, err := libp2p.New(hostOptions(cfg, key)...)
	if err != nil {
		return nil, err
	}
	p := &peerProgram{
		cfg: cfg, host: h, streamsIn: map[string]int{},
		identified: map[peer.ID]event.EvtPeerIdentificationCompleted{},
	}
	if err := p.watch(); err != nil {
		return nil, err
	}
	p.serve()
	return p, nil
}

func hostOptions(cfg *config, key crypto.PrivKey) []libp2p.Option {
	opts := []libp2p.Option{
		libp2p.Identity(key), libp2p.UserAgent("peerup-interop-go"), libp2p.DisableMetrics(),
		libp2p.Ping(false), // served by us, to count its streams
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
	}
	if len(cfg.listen) > 0 {
		opts = append(opts, libp2p.ListenAddrStrings(cfg.listen...))
	} else {
		opts = append(opts, libp2p.NoListenAddrs, libp2p.EnableRelay())
	}
	if slices.Contains(cfg.transports, "tcp") {
		opts = append(opts, libp2p.Transport(tcp.NewTCPTransport))
	}
	if slices.Contains(cfg.transports, "quic") {
		opts = append(opts, libp2p.Transport(libp2pquic.NewTransport))
	}
	if cfg.retry {
		always := quicreuse.VerifySourceAddress(func(net.Addr) bool { return true })
		opts = append(opts, libp2p.QUICReuse(quicreuse.NewConnManager, always))
	}
	for _, s := range cfg.security {
		opts = append(opts, securityOption(s, cfg.noEarly))
	}
	if cfg.noLimits {
		opts = append(opts, libp2p.ResourceManager(&network.NullResourceManager{}),
			libp2p.ConnectionManager(&connmgr.NullConnMgr{}))
	}
	if cfg.relay {
		opts = append(opts, libp2p.EnableRelayService(), libp2p.ForceReachabilityPublic())
	}
	return opts
}

// securityOption offers a security protocol, with the muxers inside its handshake or without.
func securityOption(name string, noEarly bool) libp2p.Option {
	trim := func(m []upgrader.StreamMuxer) []upgrader.StreamMuxer {
		if noEarly {
			return nil
		}
		return m
	}
	if name == "tls" {
		return libp2p.Security(libp2ptls.ID,
			func(id protocol.ID, k crypto.PrivKey, m []upgrader.StreamMuxer) (*libp2ptls.Transport, error) {
				return libp2ptls.New(id, k, trim(m))
			})
	}
	return libp2p.Security(noise.ID,
		func(id protocol.ID, k crypto.PrivKey, m []upgrader.StreamMuxer) (*noise.Transport, error) {
			return noise.New(id, k, trim(m))
		})
}

// watch counts connections and keeps what identify said last of each peer.
func (p *peerProgram) watch() error {
	p.host.Network().Notify(&network.NotifyBundle{
		ConnectedF: func(_ network.Network, c network.Conn) {
			if c.Stat().Direction == network.DirInbound {
				p.connsIn.Add(1)
			} else {
				p.connsOut.Add(1)
			}
		},
	})
	sub, err := p.host.EventBus().Subscribe(new(event.EvtPeerIdentificationCompleted),
		eventbus.Name("interop"), eventbus.BufSize(1024))
	if err != nil {
		return err
	}
	go func() {
		for e := range sub.Out() {
			id := e.(event.EvtPeerIdentificationCompleted)
			p.mu.Lock()
			p.identified[id.Peer] = id
			p.mu.Unlock()
		}
	}()
	return nil
}

// noteReset keeps that the other side reset a stream, and its code where there is one.
func (p *peerProgram) noteReset(err error) {
	p.resetsSeen.Add(1)
	p.mu.Lock()
	p.resetCode = codeOf(err)
	p.mu.Unlock()
}

// codeOf is the code of a stream's reset by the other side, nil if there is none.
func codeOf(err error) any {
	var se *network.StreamError
	if errors.As(err, &se) && se.Remote {
		return uint32(se.ErrorCode)
	}
	return nil
}
