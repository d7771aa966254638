package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	ma "github.com/multiformats/go-multiaddr"
	mss "github.com/multiformats/go-multistream"
)

const commandTimeout = 60 * time.Second

// errorKind sorts an error into the few kinds that cases tell apart.
func errorKind(err error) string {
	text := err.Error()
	switch {
	case errors.Is(err, errUsage):
		return "usage"
	case errors.Is(err, errUnsupported):
		return "unsupported"
	case strings.Contains(text, "peer id mismatch"):
		return "peer-id"
	case errors.As(err, new(mss.ErrNotSupported[protocol.ID])), strings.Contains(text, "protocols not supported"):
		return "protocol"
	case errors.Is(err, context.DeadlineExceeded), strings.Contains(text, "deadline exceeded"), strings.Contains(text, "timeout"):
		return "timeout"
	case errors.Is(err, network.ErrReset):
		return "reset"
	case strings.Contains(text, "failed to dial"):
		return "refused"
	}
	return "other"
}

func usage(words ...string) error {
	return fmt.Errorf("%w: %s", errUsage, strings.Join(words, " "))
}

// numbers reads the words of a command from index at on as unsigned numbers, count of them.
func numbers(words []string, at, count int) ([]uint64, error) {
	if len(words) != at+count {
		return nil, usage(words...)
	}
	out := make([]uint64, count)
	for i := range out {
		n, err := strconv.ParseUint(words[at+i], 10, 62)
		if err != nil {
			return nil, usage(words...)
		}
		out[i] = n
	}
	return out, nil
}

// peerOf reads the peer id that begins a command's words.
func peerOf(words []string) (peer.ID, error) {
	if len(words) == 0 {
		return "", usage("a peer id is missing")
	}
	id, err := peer.Decode(words[0])
	if err != nil {
		return "", usage(words...)
	}
	return id, nil
}

// addrOf reads a multiaddr with a peer id.
func addrOf(words []string) (*peer.AddrInfo, error) {
	if len(words) == 0 {
		return nil, usage("an address is missing")
	}
	info, err := peer.AddrInfoFromString(words[0])
	if err != nil {
		return nil, usage(words...)
	}
	return info, nil
}

// connect connects over the one address and no other that is known of the peer.
func (p *peerProgram) connect(ctx context.Context, info *peer.AddrInfo) error {
	p.host.Peerstore().ClearAddrs(info.ID)
	ctx = network.WithAllowLimitedConn(ctx, "interop")
	return p.host.Connect(ctx, *info)
}

func (p *peerProgram) dial(words []string) (answer, error) {
	info, err := addrOf(words)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	start := time.Now()
	if err := p.connect(ctx, info); err != nil {
		return nil, err
	}
	conns := p.host.Network().ConnsToPeer(info.ID)
	if len(conns) == 0 {
		return nil, errors.New("the connection was closed at once")
	}
	a := describe(conns[len(conns)-1])
	a["ms"] = float64(time.Since(start).Microseconds()) / 1000
	return a, nil
}

// describe is a connection as ../README.md has it.
func describe(c network.Conn) answer {
	st := c.ConnState()
	a := answer{
		"peer": c.RemotePeer().String(), "addr": c.RemoteMultiaddr().String(),
		"transport": "tcp", "security": nil, "muxer": nil, "early_muxer": nil,
		"direction": "out", "age_s": time.Since(c.Stat().Opened).Seconds(),
	}
	if c.Stat().Direction == network.DirInbound {
		a["direction"] = "in"
	}
	if _, err := c.RemoteMultiaddr().ValueForProtocol(ma.P_QUIC_V1); err == nil && st.Security == "" {
		a["transport"] = "quic"
		return a
	}
	if _, err := c.RemoteMultiaddr().ValueForProtocol(ma.P_CIRCUIT); err == nil {
		a["transport"] = "relay" // and the library does not say what runs on it
		return a
	}
	a["security"] = string(st.Security)
	a["muxer"] = string(st.StreamMultiplexer)
	a["early_muxer"] = st.UsedEarlyMuxerNegotiation
	return a
}

func (p *peerProgram) conns(words []string) (answer, error) {
	id, err := peerOf(words)
	if err != nil {
		return nil, err
	}
	list := []answer{}
	for _, c := range p.host.Network().ConnsToPeer(id) {
		list = append(list, describe(c))
	}
	return answer{"conns": list}, nil
}

func (p *peerProgram) close(words []string) (answer, error) {
	id, err := peerOf(words)
	if err != nil {
		return nil, err
	}
	n := len(p.host.Network().ConnsToPeer(id))
	return answer{"closed": n}, p.host.Network().ClosePeer(id)
}

func (p *peerProgram) identify(words []string) (answer, error) {
	id, err := peerOf(words)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		p.mu.Lock()
		e, done := p.identified[id]
		p.mu.Unlock()
		if done && !e.Conn.IsClosed() {
			a := answer{
				"agent": e.AgentVersion, "protocol_version": e.ProtocolVersion,
				"addrs": texts(e.ListenAddrs), "observed": nil, "protocols": p.protocolsOf(id),
				"key": p.host.Peerstore().PubKey(id) != nil, "record": recordOf(e),
			}
			if e.ObservedAddr != nil {
				a["observed"] = e.ObservedAddr.String()
			}
			return a, nil
		}
	}
	return nil, fmt.Errorf("identify: timeout")
}

func texts(addrs []ma.Multiaddr) []string {
	out := []string{}
	for _, a := range addrs {
		out = append(out, a.String())
	}
	return out
}

func (p *peerProgram) protocolsOf(id peer.ID) []string {
	out := []string{}
	protos, _ := p.host.Peerstore().GetProtocols(id)
	for _, proto := range protos {
		out = append(out, string(proto))
	}
	return out
}

// recordOf is the signed peer record of an identify message, if it is one that the library's checks
// accept: the envelope's signature was verified before, its key and the record must be the peer's.
func recordOf(e event.EvtPeerIdentificationCompleted) any {
	if e.SignedPeerRecord == nil || !e.Peer.MatchesPublicKey(e.SignedPeerRecord.PublicKey) {
		return nil
	}
	var rec peer.PeerRecord
	if err := e.SignedPeerRecord.TypedRecord(&rec); err != nil || rec.PeerID != e.Peer {
		return nil
	}
	return answer{"seq": rec.Seq, "addrs": texts(rec.Addrs)}
}

func (p *peerProgram) known(words []string) (answer, error) {
	id, err := peerOf(words)
	if err != nil {
		return nil, err
	}
	ms, err := numbers(words, 2, 1)
	if err != nil {
		return nil, err
	}
	proto, absent := strings.CutPrefix(words[1], "-")
	for end := time.Now().Add(time.Duration(ms[0]) * time.Millisecond); ; time.Sleep(5 * time.Millisecond) {
		found, err := p.host.Peerstore().SupportsProtocols(id, protocol.ID(proto))
		if err != nil {
			return nil, err
		}
		if (len(found) == 0) == absent || time.Now().After(end) {
			return answer{"known": len(found) > 0}, nil
		}
	}
}

func (p *peerProgram) protocol(words []string) (answer, error) {
	switch {
	case len(words) == 2 && words[0] == "add":
		p.handle(protocol.ID(words[1]), p.serveEcho)
	case len(words) == 2 && words[0] == "remove":
		p.host.RemoveStreamHandler(protocol.ID(words[1]))
	default:
		return nil, usage(words...)
	}
	return nil, nil
}

func (p *peerProgram) reserve(words []string) (answer, error) {
	info, err := addrOf(words)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	if err := p.connect(ctx, info); err != nil {
		return nil, err
	}
	r, err := client.Reserve(ctx, p.host, *info)
	if err != nil {
		return nil, err
	}
	return answer{
		"addr":      fmt.Sprintf("%s/p2p-circuit/p2p/%s", words[0], p.host.ID()),
		"expires_s": time.Until(r.Expiration).Seconds(),
		"voucher":   r.Voucher != nil,
	}, nil
}

func (p *peerProgram) stats([]string) (answer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	streams := map[string]int{}
	for k, v := range p.streamsIn {
		streams[k] = v
	}
	return answer{
		"conns_in": p.connsIn.Load(), "conns_out": p.connsOut.Load(),
		"open": len(p.host.Network().Conns()), "streams_in": streams,
		"resets_seen": p.resetsSeen.Load(), "reset_code": p.resetCode,
	}, nil
}
