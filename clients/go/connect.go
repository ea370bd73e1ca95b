package paystate

import (
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// serviceConfig tries reads again when the core is away; a call that changes something is the caller's to repeat.
// A copy of clients/service-config.json, which holds for every language.
//
//go:embed service_config.json
var serviceConfig string

// reconnect is how a lost core is found again. The library's own waits, a second at first and two minutes at last, would
// keep a follower away from a core that is long back.
var reconnect = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second},
	MinConnectTimeout: 5 * time.Second,
}

// Options say how the core is reached. The zero value is for plaintext on loopback, and for TLS with the system's
// authorities and no certificate of our own.
type Options struct {
	// CAFile is PEM, the authorities whose certificate the core must have; empty for the system's.
	CAFile string
	// CertFile and KeyFile are PEM, what we show to the core (mTLS); both or neither.
	CertFile, KeyFile string
	// ServerName is the name that the core's certificate must have; empty for the URL's host.
	ServerName string
	// AllowPlaintext allows http:// off loopback: for a network that encrypts by itself, such as a mesh.
	AllowPlaintext bool
}

// Connect prepares a connection to the core, for example "http://127.0.0.1:50051" or "https://core.pay.internal:50051".
// A wrong URL or file is an error at once. The connection itself is made, and made again, when calls need it; behind
// one name several cores are used in turn. Further dial options come last, so they win.
func Connect(core string, options Options, more ...grpc.DialOption) (*grpc.ClientConn, error) {
	where, err := url.Parse(core)
	if err != nil || where.Port() == "" || where.Hostname() == "" || (where.Path != "" && where.Path != "/") {
		return nil, fmt.Errorf("paystate: %q is not a URL of a core: use http://HOST:PORT or https://HOST:PORT", core)
	}
	secure, err := transport(where, options)
	if err != nil {
		return nil, err
	}
	dial := []grpc.DialOption{
		grpc.WithTransportCredentials(secure),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithConnectParams(reconnect),
		// Shorter than what routers on the way forget, and what finds a peer that is gone without a word.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 15 * time.Second, Timeout: 10 * time.Second}),
	}
	return grpc.NewClient("dns:///"+where.Host, append(dial, more...)...)
}

func transport(where *url.URL, options Options) (credentials.TransportCredentials, error) {
	switch where.Scheme {
	case "http":
		if options.CAFile != "" || options.CertFile != "" || options.KeyFile != "" || options.ServerName != "" {
			return nil, fmt.Errorf("paystate: %s is not encrypted: CAFile, CertFile, KeyFile and ServerName need https://", where)
		}
		if !loopback(where.Hostname()) && !options.AllowPlaintext {
			return nil, fmt.Errorf("paystate: %s is neither encrypted nor loopback: use https://, or AllowPlaintext", where)
		}
		return insecure.NewCredentials(), nil
	case "https":
		config, err := options.tls()
		if err != nil {
			return nil, err
		}
		return credentials.NewTLS(config), nil
	default:
		return nil, fmt.Errorf("paystate: %q begins with neither http:// nor https://", where)
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func (o Options) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS13, ServerName: o.ServerName}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("paystate: CAFile: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("paystate: CAFile: %s holds no certificate in PEM", o.CAFile)
		}
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		return nil, errors.New("paystate: CertFile and KeyFile go together")
	}
	if o.CertFile != "" {
		certificate, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("paystate: CertFile, KeyFile: %w", err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return config, nil
}
