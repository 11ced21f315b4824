// Package outbound calls the servers of customers: addresses that others have chosen.
//
// A Client posts a body to a URL, signed (Sign), within Timeout, and follows no redirect. Its Guard looks at each address
// when it is dialled, so a name that means another address by then, as names of attackers do, reaches nothing more than one
// that never changes. No proxy of the environment is used: it would dial instead.
package outbound

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
)

// MaxURL is the greatest length of a URL in bytes.
const MaxURL = 2048

// refused are networks that are not the public Internet: the special-purpose registries of IANA, and addresses at which
// clouds keep metadata and credentials (169.254.169.254 and others are in link-local and shared networks).
var refused = prefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"168.63.129.16/32", // metadata of Azure
	"2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16")

var (
	global = netip.MustParsePrefix("2000::/3") // what is public of IPv6
	// Networks whose addresses contain one of IPv4: in the last four bytes, or (6to4) after the first two.
	compatible, nat64, localNAT64, sixToFour = netip.MustParsePrefix("::/96"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16")
)

func prefixes(all ...string) (ps []netip.Prefix) {
	for _, p := range all {
		ps = append(ps, netip.MustParsePrefix(p))
	}
	return ps
}

// Guard says which addresses may be called: those of the public Internet, and those that the operator has named. The zero
// Guard has named none. It may be used concurrently.
type Guard struct{ allowed []netip.Prefix }

// NewGuard returns the Guard of an operator who allows networks in CIDR notation, or single addresses.
func NewGuard(allow []string) (Guard, error) {
	var g Guard
	for _, text := range allow {
		p, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			a, addrErr := netip.ParseAddr(strings.TrimSpace(text))
			if addrErr != nil || a.Zone() != "" {
				return g, fmt.Errorf("%q is no network in CIDR notation, such as 10.1.0.0/16", text)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		g.allowed = append(g.allowed, p.Masked())
	}
	return g, nil
}

func in(ps []netip.Prefix, a netip.Addr) bool {
	for _, p := range ps {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// inside returns the IPv4 address that an address contains.
func inside(a netip.Addr) (netip.Addr, bool) {
	b := a.As16()
	switch {
	case !a.Is6():
	case compatible.Contains(a), nat64.Contains(a), localNAT64.Contains(a),
		b[8]&^3 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe: // ISATAP
		return netip.AddrFrom4([4]byte(b[12:])), true
	case sixToFour.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}

// Allows reports whether an address may be called. An address of IPv6 that contains one of IPv4 may be if that one may.
func (g Guard) Allows(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if in(g.allowed, a) {
		return true
	}
	if v4, ok := inside(a); ok {
		return g.Allows(v4)
	}
	return a.IsValid() && !in(refused, a) && (a.Is4() || global.Contains(a))
}

// control is called for each address before it is dialled.
func (g Guard) control(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	a, err := netip.ParseAddr(host)
	if err != nil || !g.Allows(a) {
		return errRefused
	}
	return nil
}

var errRefused = fmt.Errorf("the address is not one of the public Internet, and the operator of this server has not allowed it (--outbound-allow)")

// Check returns what is wrong with a URL that is to be called: it has to be http or https, without user info, with a host
// that is no refused address in any notation, and not localhost where that is refused. What another name means is known only
// when it is dialled.
func (g Guard) Check(text string) error {
	if len(text) > MaxURL {
		return fmt.Errorf("a URL has at most %d bytes", MaxURL)
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("the URL has to be like https://example.org/path")
	}
	if u.User != nil {
		return fmt.Errorf("the URL may not have a user or a password")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("the port of the URL has to be a number from 1 to 65535")
		}
	} else if strings.HasSuffix(u.Host, ":") {
		return fmt.Errorf("the port of the URL is missing")
	}
	host := strings.TrimSuffix(u.Hostname(), ".")
	for _, r := range host {
		if r <= ' ' || r > '~' { // other letters can mean digits; resolvers map them
			return fmt.Errorf("the host of the URL has to be in ASCII, as in xn--bcher-kva.example")
		}
	}
	a, isAddress, err := address(host)
	switch {
	case err != nil:
		return fmt.Errorf("the host of the URL is no address and no name")
	case isAddress && !g.Allows(a), isLocal(host) && !g.Allows(loopback4) && !g.Allows(netip.IPv6Loopback()):
		return errRefused
	}
	return nil
}

var loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// isLocal reports whether a name means the machine itself wherever it is looked up (RFC 6761, section 6.3).
func isLocal(host string) bool {
	host = strings.ToLower(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// address returns the address that a host is, if it is one and not a name. Resolvers take the old notations of IPv4 too: in
// fewer parts, hexadecimal and octal. As browsers do, a host whose last part is a number is an address.
func address(host string) (a netip.Addr, is bool, err error) {
	if strings.Contains(host, ":") {
		a, err = netip.ParseAddr(host)
		return a, true, err
	}
	parts := strings.Split(host, ".")
	if _, err := number(parts[len(parts)-1]); err != nil {
		return a, false, nil
	}
	if len(parts) > 4 {
		return a, true, errRefused
	}
	var ip uint64
	for i, p := range parts {
		n, err := number(p)
		if err != nil {
			return a, true, err
		}
		width := 8 * (4 - i) // the last part has all bytes that are left
		if i < len(parts)-1 {
			if n > 255 {
				return a, true, errRefused
			}
			n, width = n<<(width-8), 32
		}
		if n >= 1<<width {
			return a, true, errRefused
		}
		ip += n
	}
	return netip.AddrFrom4([4]byte{byte(ip >> 24), byte(ip >> 16), byte(ip >> 8), byte(ip)}), true, nil
}

// number reads a decimal, hexadecimal (0x) or octal (0) number.
func number(s string) (uint64, error) {
	lower := strings.ToLower(s)
	switch {
	case lower == "0x":
		return 0, nil
	case strings.HasPrefix(lower, "0x"):
		return strconv.ParseUint(lower[2:], 16, 64)
	case len(s) > 1 && s[0] == '0' && strings.Trim(s, "01234567") == "":
		return strconv.ParseUint(s, 8, 64)
	}
	return strconv.ParseUint(s, 10, 64)
}
