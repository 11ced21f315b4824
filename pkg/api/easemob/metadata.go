package easemob

import (
	"maps"

	"github.com/confab-chat/confab/pkg/account"
)

const (
	// maxMetadata bounds the metadata of a user, maxMetadataBody a request that sets some; both in bytes.
	maxMetadata     = 2 << 10
	maxMetadataBody = 4 << 10
	// maxTargets is how many users one call asks for.
	maxTargets = 100
)

func metadataSize(m map[string]string) (n int) {
	for k, v := range m {
		n += len(k) + len(v)
	}
	return n
}

func (a *API) putMetadata(c *call) error {
	if c.r.ContentLength > maxMetadataBody {
		return illegal("a request with metadata has at most %d bytes", maxMetadataBody)
	}
	f, err := c.object()
	if err != nil {
		return err
	}
	set := map[string]string{}
	for k := range f {
		v, err := f.text(k)
		if err != nil {
			return err
		}
		if k == "" || v == nil {
			return illegal("metadata are names with texts")
		}
		set[k] = *v
	}
	u, err := c.user()
	if err != nil {
		return err
	}
	u, err = c.people().Update(c.ctx(), u, func(d *account.Data) error {
		next := maps.Clone(d.Metadata)
		if next == nil {
			next = map[string]string{}
		}
		maps.Copy(next, set)
		if metadataSize(next) > maxMetadata {
			return illegal("the metadata of a user have at most %d bytes", maxMetadata)
		}
		d.Metadata = next
		return nil
	})
	if err != nil {
		return err
	}
	return c.reply(answer{data: metadataOf(u)})
}

func metadataOf(u account.Account) map[string]string {
	if u.Metadata == nil {
		return map[string]string{}
	}
	return u.Metadata
}

func (a *API) getMetadata(c *call) error {
	u, err := c.user()
	if err != nil {
		return err
	}
	return c.reply(answer{data: metadataOf(u)})
}

func (a *API) deleteMetadata(c *call) error {
	u, err := c.user()
	if err == nil && u.Metadata != nil {
		_, err = c.people().Update(c.ctx(), u, func(d *account.Data) error { d.Metadata = nil; return nil })
	}
	if err != nil {
		return err
	}
	return c.reply(answer{data: true})
}

func (a *API) getMetadataOf(c *call) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	targets, err := f.list("targets", maxTargets)
	if err != nil {
		return err
	}
	properties, err := f.list("properties", maxTargets)
	if err != nil {
		return err
	}
	if len(targets) == 0 || len(properties) == 0 {
		return illegal("targets and properties have to be arrays with texts")
	}
	data := map[string]map[string]string{}
	found, err := c.lookUp(targets)
	if err != nil {
		return err
	}
	for _, u := range found {
		if u == nil {
			continue
		}
		data[u.Name] = map[string]string{}
		for _, p := range properties {
			if v, ok := u.Metadata[p]; ok {
				data[u.Name][p] = v
			}
		}
	}
	return c.reply(answer{data: data})
}

// metadataCapacity adds up the bytes in use. It reads all accounts: few calls ask, and a sum that is kept beside them
// would make every change of metadata wait for every other.
func (a *API) metadataCapacity(c *call) error {
	used := 0
	for after := ""; ; {
		us, more, err := c.people().List(c.ctx(), after, 1000)
		if err != nil {
			return err
		}
		for _, u := range us {
			used += metadataSize(u.Metadata)
			after = u.Position()
		}
		if !more {
			return c.reply(answer{data: used})
		}
	}
}
