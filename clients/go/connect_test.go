package paystate

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"paystate.internal/paystate/paystatev1"
)

// flaky is away for the first call of each method.
type flaky struct {
	paystatev1.UnimplementedOrderServiceServer
	reads, writes atomic.Int32
}

func (f *flaky) GetOrder(context.Context, *paystatev1.GetOrderRequest) (*paystatev1.GetOrderResponse, error) {
	if f.reads.Add(1) == 1 {
		return nil, lost
	}
	return &paystatev1.GetOrderResponse{}, nil
}

func (f *flaky) CreateOrder(context.Context, *paystatev1.CreateOrderRequest) (*paystatev1.CreateOrderResponse, error) {
	f.writes.Add(1)
	return nil, lost
}

func TestOnlyReadsAreTriedAgain(t *testing.T) {
	core := &flaky{}
	address := serve(t, insecure.NewCredentials(), func(s *grpc.Server) { paystatev1.RegisterOrderServiceServer(s, core) })
	orders := paystatev1.NewOrderServiceClient(connect(t, "http://"+address, Options{}))
	if _, err := orders.GetOrder(t.Context(), &paystatev1.GetOrderRequest{}); err != nil {
		t.Error(err)
	}
	if _, err := orders.CreateOrder(t.Context(), &paystatev1.CreateOrderRequest{}); err == nil {
		t.Error("a write was tried again")
	}
	equal(t, "calls", []int32{core.reads.Load(), core.writes.Load()}, []int32{2, 1})
}

func TestALostCoreIsLookedForOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries []time.Time
		away := grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			tries = append(tries, time.Now())
			return nil, errors.New("away")
		})
		conn, err := Connect("http://127.0.0.1:1", Options{}, away)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for range 120 {
			conn.Connect()
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if len(tries) < 25 || tries[1].Sub(tries[0]) > time.Second {
			t.Errorf("in two minutes %d tries: %v", len(tries), tries)
		}
	})
}

func TestBothSidesShowACertificate(t *testing.T) {
	dir := t.TempDir()
	ca := authority(t, dir)
	core := ca.issue(t, "core.test")
	us := ca.issue(t, "stock.test")
	pool := x509.NewCertPool()
	pool.AddCert(ca.certificate)
	secure := credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{core.pair(t)}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
		MinVersion: tls.VersionTLS13,
	})
	address := serve(t, secure, func(s *grpc.Server) { paystatev1.RegisterOrderServiceServer(s, &flaky{}) })

	full := Options{CAFile: ca.file, CertFile: us.certFile, KeyFile: us.keyFile, ServerName: "core.test"}
	call := func(options Options) error {
		orders := paystatev1.NewOrderServiceClient(connect(t, "https://"+address, options))
		_, err := orders.GetOrder(t.Context(), &paystatev1.GetOrderRequest{})
		return err
	}
	if err := call(full); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Options){
		"no certificate of ours": func(o *Options) { o.CertFile, o.KeyFile = "", "" },
		"another name":           func(o *Options) { o.ServerName = "other.test" },
		"the system's CAs":       func(o *Options) { o.CAFile = "" },
	} {
		options := full
		change(&options)
		if call(options) == nil {
			t.Errorf("%s: the call went through", name)
		}
	}
}

func TestWhatCannotWorkIsRefusedAtOnce(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		url     string
		options Options
		says    string
	}{
		{"127.0.0.1:50051", Options{}, "http://HOST:PORT"},
		{"http://127.0.0.1", Options{}, "http://HOST:PORT"},
		{"ftp://127.0.0.1:1", Options{}, "neither http:// nor https://"},
		{"http://core.pay.internal:50051", Options{}, "AllowPlaintext"},
		{"http://127.0.0.1:1", Options{CAFile: "ca.crt"}, "https://"},
		{"http://127.0.0.1:1", Options{CertFile: "a.crt", KeyFile: "a.key"}, "https://"},
		{"http://127.0.0.1:1", Options{ServerName: "core.test"}, "https://"},
		{"http://core.pay.internal:50051", Options{AllowPlaintext: true, CAFile: "ca.crt"}, "https://"},
		{"https://127.0.0.1:1", Options{CAFile: "missing.pem"}, "CAFile"},
		{"https://127.0.0.1:1", Options{CAFile: empty}, "no certificate"},
		{"https://127.0.0.1:1", Options{CertFile: "a.crt"}, "go together"},
		{"https://127.0.0.1:1", Options{CertFile: "a.crt", KeyFile: "a.key"}, "a.crt"},
	} {
		if _, err := Connect(c.url, c.options); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %+v: %v", c.url, c.options, err)
		}
	}
	for _, url := range []string{"http://localhost:1", "http://[::1]:1", "https://core.pay.internal:50051"} {
		connect(t, url, Options{})
	}
	connect(t, "http://core.pay.internal:50051", Options{AllowPlaintext: true})
}

// identity is a certificate with its key, in files too.
type identity struct {
	certificate             *x509.Certificate
	key                     *ecdsa.PrivateKey
	dir                     string
	file, certFile, keyFile string
}

func authority(t *testing.T, dir string) *identity {
	t.Helper()
	a := (&identity{dir: dir}).make(t, "ca", &x509.Certificate{
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	a.file = a.certFile
	return a
}

func (i *identity) issue(t *testing.T, name string) *identity {
	t.Helper()
	return i.make(t, name, &x509.Certificate{
		DNSNames:    []string{name},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
}

func (i *identity) make(t *testing.T, name string, template *x509.Certificate) *identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.Subject = pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := i.certificate, i.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	made := &identity{certificate: certificate, key: key, dir: i.dir}
	made.certFile = made.write(t, name+".crt", "CERTIFICATE", der)
	made.keyFile = made.write(t, name+".key", "PRIVATE KEY", secret)
	return made
}

func (i *identity) write(t *testing.T, name, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(i.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (i *identity) pair(t *testing.T) tls.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(i.certFile, i.keyFile)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}
