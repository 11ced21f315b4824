package outbound

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAddresses(t *testing.T) {
	var none Guard
	for _, public := range []string{"8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"} {
		require.True(t, none.Allows(netip.MustParseAddr(public)), public)
	}
	private := []string{"127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200",
		"192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:10.1.1.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:1:2::3", "fe80::1", "fe80::1%eth0",
		"fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "3fff::1", "100::1", "4000::1", "fe80::5efe:8.8.8.8%eth0"[:10], "2606::5efe:7f00:1"}
	for _, a := range private {
		require.False(t, none.Allows(netip.MustParseAddr(a)), a)
	}
	require.False(t, none.Allows(netip.Addr{}))

	g, err := NewGuard([]string{"127.0.0.0/8", " fd00::/8", "10.1.2.3"})
	require.NoError(t, err)
	for a, want := range map[string]bool{"127.0.0.1": true, "::ffff:127.0.0.1": true, "64:ff9b::7f00:1": true, "fd00::1": true, "10.1.2.3": true, "10.1.2.4": false, "::1": false, "8.8.8.8": true} {
		require.Equal(t, want, g.Allows(netip.MustParseAddr(a)), a)
	}
	for _, bad := range []string{"", "x", "10.0.0.0/33", "fe80::1%eth0", "10.0.0.0/8/8"} {
		_, err := NewGuard([]string{bad})
		require.Error(t, err, bad)
	}
}

func TestURLs(t *testing.T) {
	var none Guard
	long := "https://example.org/" + strings.Repeat("x", MaxURL)
	for _, good := range []string{"https://example.org", "http://example.org:8080/a?b=c#d", "https://EXAMPLE.org./", "https://1.2.3.example/", "https://8.8.8.8/", "https://[2606:4700::1111]:443/",
		"https://xn--bcher-kva.example", "https://localhost.example", "https://notlocalhost", "https://a-1.example", long[:MaxURL]} {
		require.NoError(t, none.Check(good), good)
	}
	for _, bad := range []string{"", "example.org", "/x", "ftp://example.org", "file:///etc/passwd", "https://", "https:///x", "https://u@example.org", "https://u:p@example.org", "https://@example.org", "http://example.org:0", "http://example.org:",
		"http://example.org:70000", "http://bücher.example", "http://１２７.0.0.1", "http://127.0.0.1。", "http://exa mple.org", "http://[::1", long,
		"http://127.0.0.1", "http://127.1", "http://127.0.1", "http://2130706433", "http://0x7f000001", "http://0x7f.1", "http://0177.0.0.1", "http://017700000001", "http://127.0.0.1.", "http://0", "http://0x",
		"http://10.0.0.1:80", "http://169.254.169.254/latest/meta-data", "http://[::1]", "http://[::]", "http://[::ffff:7f00:1]", "http://[::ffff:127.0.0.1]", "http://[fe80::1%25eth0]", "http://[fd00:ec2::254]",
		"http://localhost", "https://LocalHost.:8443/hook", "http://a.localhost/", "http://256.256.256.256", "http://1.2.3.4.5", "http://4294967296", "http://%31%32%37.0.0.1"} {
		require.Error(t, none.Check(bad), bad)
	}
	g, err := NewGuard([]string{"127.0.0.0/8"})
	require.NoError(t, err)
	require.NoError(t, g.Check("http://127.0.0.1:8000/hook"))
	require.NoError(t, g.Check("http://127.1/hook"))
	require.NoError(t, g.Check("http://localhost:8000/hook"))
	six, err := NewGuard([]string{"::1"})
	require.NoError(t, err)
	require.NoError(t, six.Check("http://localhost:8000/hook"))
	require.EqualError(t, none.Check("http://localhost:8000/hook"), errRefused.Error(), "what a call would say")
}

// Whatever is accepted is a name, or an address that may be called.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"http://127.1", "https://example.org:443/x", "http://[::1]", "http://0x7f.1", "http://1.2.3.4.", "http://a.0x1"} {
		f.Add(s)
	}
	var none Guard
	f.Fuzz(func(t *testing.T, text string) {
		if none.Check(text) != nil {
			return
		}
		u, err := url.Parse(text)
		require.NoError(t, err)
		require.Nil(t, u.User)
		if a, err := netip.ParseAddr(strings.TrimSuffix(u.Hostname(), ".")); err == nil {
			require.True(t, none.Allows(a), text)
		}
		for _, r := range u.Hostname() {
			require.Less(t, r, rune(128), text)
		}
	})
}

func FuzzAllows(f *testing.F) {
	f.Add([]byte{127, 0, 0, 1}, uint8(0))
	f.Add([]byte{169, 254, 169, 254}, uint8(1))
	f.Add([]byte{10, 0, 0, 1}, uint8(2))
	var none Guard
	f.Fuzz(func(t *testing.T, b []byte, how uint8) {
		if len(b) < 4 {
			return
		}
		v4 := netip.AddrFrom4([4]byte(b[:4]))
		hidden := [16]byte{}
		switch how % 4 {
		case 0:
			hidden[10], hidden[11] = 0xff, 0xff
			copy(hidden[12:], b)
		case 1:
			copy(hidden[:], []byte{0, 0x64, 0xff, 0x9b})
			copy(hidden[12:], b)
		case 2:
			hidden[0], hidden[1] = 0x20, 0x02
			copy(hidden[2:6], b)
		default:
			copy(hidden[12:], b)
		}
		require.Equal(t, none.Allows(v4), none.Allows(netip.AddrFrom16(hidden)), "%s in %s", v4, netip.AddrFrom16(hidden))
	})
}
