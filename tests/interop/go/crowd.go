package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	pb "github.com/libp2p/go-libp2p/p2p/protocol/identify/pb"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
	mss "github.com/multiformats/go-multistream"
	"github.com/quic-go/quic-go"
	"google.golang.org/protobuf/proto"
)

// crowd makes connections of many identities without a host for each: real transports, and of the
// protocols those that a peer expects of an idle connection: identify both ways, and ping.
type crowd struct {
	quic  *quicreuse.ConnManager
	conns []transport.CapableConn
}

func (p *peerProgram) hold(words []string) (answer, error) {
	info, err := addrOf(words)
	if err != nil {
		return nil, err
	}
	n, err := numbers(words, 1, 1)
	if err != nil {
		return nil, err
	}
	if p.crowd == nil {
		cm, err := quicreuse.NewConnManager(quic.StatelessResetKey{1}, quic.TokenGeneratorKey{2})
		if err != nil {
			return nil, err
		}
		p.crowd = &crowd{quic: cm}
	}
	for range n[0] {
		key, err := newKey(nil)
		if err != nil {
			return nil, err
		}
		tr, err := p.crowd.transport(key, info.Addrs[0])
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		conn, err := tr.Dial(ctx, info.Addrs[0], info.ID)
		cancel()
		if err != nil {
			return nil, err
		}
		p.crowd.conns = append(p.crowd.conns, conn)
		go member{conn, key}.serve()
		if err := (member{conn, key}).identify(); err != nil {
			return nil, err
		}
	}
	return answer{"held": len(p.crowd.conns)}, nil
}

// transport is one that dials addr as the owner of key.
func (c *crowd) transport(key crypto.PrivKey, addr ma.Multiaddr) (transport.Transport, error) {
	if _, err := addr.ValueForProtocol(ma.P_QUIC_V1); err == nil {
		return libp2pquic.NewTransport(key, c.quic, nil, nil, nil)
	}
	muxers := []upgrader.StreamMuxer{{ID: yamux.ID, Muxer: yamux.DefaultTransport}}
	sectr, err := noise.New(noise.ID, key, muxers)
	if err != nil {
		return nil, err
	}
	up, err := upgrader.New([]sec.SecureTransport{sectr}, muxers, nil, nil, nil)
	if err != nil {
		return nil, err
	}
	return tcp.NewTCPTransport(up, nil, nil)
}

// member is one identity of a crowd on its connection.
type member struct {
	conn transport.CapableConn
	key  crypto.PrivKey
}

// serve answers the streams that the other side opens, until the connection ends.
func (m member) serve() {
	mux := mss.NewMultistreamMuxer[protocol.ID]()
	mux.AddHandler(identify.ID, func(_ protocol.ID, s io.ReadWriteCloser) error {
		return m.tell(s)
	})
	mux.AddHandler(ping.ID, func(_ protocol.ID, s io.ReadWriteCloser) error {
		_, err := io.CopyBuffer(s, onlyReader{s}, make([]byte, 32))
		return err
	})
	for {
		s, err := m.conn.AcceptStream()
		if err != nil {
			return
		}
		go func() {
			defer s.Close()
			if _, f, err := mux.Negotiate(s); err == nil {
				f("", s)
			}
		}()
	}
}

// tell writes this member's identify message.
func (m member) tell(w io.Writer) error {
	public, err := crypto.MarshalPublicKey(m.key.GetPublic())
	if err != nil {
		return err
	}
	body, err := proto.Marshal(&pb.Identify{
		ProtocolVersion: proto.String("ipfs/0.1.0"),
		AgentVersion:    proto.String("peerup-interop-crowd"),
		PublicKey:       public,
		ObservedAddr:    m.conn.RemoteMultiaddr().Bytes(),
		Protocols:       []string{identify.ID, ping.ID},
	})
	if err != nil {
		return err
	}
	_, err = w.Write(append(binary.AppendUvarint(nil, uint64(len(body))), body...))
	return err
}

// identify asks the other side who it is, and reads all it says.
func (m member) identify() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := m.conn.OpenStream(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	s.SetDeadline(time.Now().Add(10 * time.Second))
	if err := mss.SelectProtoOrFail(protocol.ID(identify.ID), network.MuxedStream(s)); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, bufio.NewReader(s))
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		return err
	}
	return nil
}
