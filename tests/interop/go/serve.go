package main

import (
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
)

// Protocols that every interop program serves.
const (
	echoID  = protocol.ID("/peerup/interop/echo/1.0.0")
	sinkID  = protocol.ID("/peerup/interop/sink/1.0.0")
	resetID = protocol.ID("/peerup/interop/reset/1.0.0")
	perfID  = protocol.ID("/perf/1.0.0")
)

// Codes of the resets that the cases ask for.
const (
	resetServed = network.StreamErrorCode(42)
	resetAsked  = network.StreamErrorCode(77)
)

var errPattern = errors.New("a byte is not the one that was sent")

// fill writes the bytes of offset and after of the common pattern.
func fill(b []byte, offset uint64) {
	for i := range b {
		at := offset + uint64(i)
		b[i] = byte(at + at>>8 + at>>16)
	}
}

// matches says whether b are the bytes of the common pattern at offset.
func matches(b []byte, offset uint64) bool {
	for i := range b {
		at := offset + uint64(i)
		if b[i] != byte(at+at>>8+at>>16) {
			return false
		}
	}
	return true
}

// serve sets the handlers. One that returns an error resets its stream.
func (p *peerProgram) serve() {
	pings := ping.PingService{Host: p.host}
	p.handle(ping.ID, func(s network.Stream) error { pings.PingHandler(s); return nil })
	p.handle(echoID, p.serveEcho)
	p.handle(sinkID, serveSink)
	p.handle(resetID, serveReset)
	p.handle(perfID, servePerf)
}

func (p *peerProgram) handle(id protocol.ID, f func(network.Stream) error) {
	p.host.SetStreamHandler(id, func(s network.Stream) {
		p.mu.Lock()
		p.streamsIn[string(id)]++
		p.mu.Unlock()
		if f(s) != nil {
			s.Reset()
			return
		}
		s.Close()
	})
}

func (p *peerProgram) serveEcho(s network.Stream) error {
	buf := make([]byte, 64<<10)
	var offset uint64
	for {
		n, err := s.Read(buf)
		if !matches(buf[:n], offset) {
			return errPattern
		}
		offset += uint64(n)
		if n > 0 {
			if _, werr := s.Write(buf[:n]); werr != nil {
				if errors.Is(werr, network.ErrReset) {
					p.noteReset(werr)
				}
				return werr
			}
		}
		if err == io.EOF {
			return s.CloseWrite()
		}
		if err != nil {
			if errors.Is(err, network.ErrReset) {
				p.noteReset(err)
			}
			return err
		}
	}
}

func serveSink(s network.Stream) error {
	var head [16]byte
	if _, err := io.ReadFull(s, head[:]); err != nil {
		return err
	}
	at := binary.BigEndian.Uint64(head[:8])
	pause := time.Duration(binary.BigEndian.Uint64(head[8:])) * time.Millisecond
	buf := make([]byte, 64<<10)
	var offset uint64
	for paused := false; ; {
		want := buf
		if !paused && at-offset < uint64(len(buf)) {
			want = buf[:at-offset]
		}
		if !paused && offset == at {
			time.Sleep(pause)
			paused, want = true, buf
		}
		n, err := s.Read(want)
		if !matches(want[:n], offset) {
			return errPattern
		}
		offset += uint64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if err := binary.Write(s, binary.BigEndian, offset); err != nil {
		return err
	}
	return s.CloseWrite()
}

func serveReset(s network.Stream) error {
	var n uint64
	if err := binary.Read(s, binary.BigEndian, &n); err != nil {
		return err
	}
	if err := send(s, n); err != nil {
		return err
	}
	return s.ResetWithError(resetServed)
}

func servePerf(s network.Stream) error {
	var down uint64
	if err := binary.Read(s, binary.BigEndian, &down); err != nil {
		return err
	}
	if _, err := io.CopyBuffer(io.Discard, onlyReader{s}, make([]byte, 64<<10)); err != nil {
		return err
	}
	if err := send(s, down); err != nil {
		return err
	}
	return s.CloseWrite()
}

// onlyReader hides every method but Read, so that the buffer given to io.CopyBuffer is used.
type onlyReader struct{ io.Reader }

// send writes n bytes whose values do not matter.
func send(s network.Stream, n uint64) error {
	buf := make([]byte, 64<<10)
	for n > 0 {
		chunk := buf[:min(n, uint64(len(buf)))]
		if _, err := s.Write(chunk); err != nil {
			return err
		}
		n -= uint64(len(chunk))
	}
	return nil
}
