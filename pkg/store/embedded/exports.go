package embedded

import (
	"context"
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

func exportKey(t chat.Tenant, e id.ID) key { return table(tableExport).tenant(t).lastID(e) }

func exportOfKey(e chat.Export) key {
	return table(tableExportOf).tenant(e.Tenant).id(e.Room.ID).text(e.Login).lastID(e.ID)
}

func exportPartsOf(e chat.Export) key { return table(tableExportPart).tenant(e.Tenant).id(e.ID) }

func exportPartKey(e chat.Export, n int) key {
	return exportPartsOf(e).last(string(binary.BigEndian.AppendUint64(nil, uint64(n))))
}

func exportLease(e chat.Export) lease { return lease{e.GoneAt, e.Tenant, e.Login} }

func encodeExport(e chat.Export) []byte {
	return exportLease(e).record().id(10, e.Room.ID).text(11, e.Room.Name).time(12, e.RequestedAt).time(13, e.FinishedAt).
		flag(14, e.Failed).number(15, e.Parts)
}

func decodeExport(u id.ID, b []byte) (chat.Export, error) {
	e := chat.Export{ID: u}
	l, err := decodeLease(b, func(f *field) {
		switch f.number {
		case 10:
			e.Room.ID = f.id()
		case 11:
			e.Room.Name = f.text()
		case 12:
			e.RequestedAt = f.time()
		case 13:
			e.FinishedAt = f.time()
		case 14:
			e.Failed = f.flag()
		case 15:
			e.Parts = int(f.number64())
		}
	})
	e.GoneAt, e.Tenant, e.Login = l.ExpiresAt, l.Tenant, l.Login
	return e, err
}

// setExpiring puts a row and the entry of its expiry into b.
func setExpiring(b *pebble.Batch, k key, e chat.Export, value []byte) {
	set(b, k, value)
	set(b, expiryKey(e.GoneAt, k), nil)
}

// AddExport implements chat.ExportStore.
func (s *Store) AddExport(ctx context.Context, e chat.Export) error {
	k := exportKey(e.Tenant, e.ID)
	return s.change(ctx, &s.leases, k, func(b *pebble.Batch) error {
		setExpiring(b, k, e, encodeExport(e))
		setExpiring(b, exportOfKey(e), e, exportLease(e).record())
		return nil
	})
}

// FinishExport implements chat.ExportStore.
func (s *Store) FinishExport(ctx context.Context, e chat.Export) error {
	k := exportKey(e.Tenant, e.ID)
	return s.change(ctx, &s.leases, k, func(b *pebble.Batch) error {
		there, err := s.has(k)
		if err == nil && there {
			setExpiring(b, k, e, encodeExport(e))
		}
		return err
	})
}

// Export implements chat.ExportStore.
func (s *Store) Export(ctx context.Context, t chat.Tenant, e id.ID) (chat.Export, error) {
	if err := s.begin(ctx); err != nil {
		return chat.Export{}, err
	}
	defer s.calls.Done()
	v, found, err := s.find(exportKey(t, e))
	if err == nil && !found {
		err = chat.ErrNotFound(chat.ExportEntity, e.String())
	}
	if err != nil {
		return chat.Export{}, err
	}
	out, err := decodeExport(e, v)
	return out, s.corrupt(err)
}

// ExportsOf implements chat.ExportStore.
func (s *Store) ExportsOf(ctx context.Context, t chat.Tenant, room id.ID, login string, limit int) (all []id.ID, err error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	prefix := table(tableExportOf).tenant(t).id(room)
	if login != "" {
		prefix = prefix.text(login)
	}
	err = s.scan(ctx, prefix, prefix, func(last, _ []byte) (bool, error) {
		c := columns{rest: last}
		if login == "" {
			c.text()
		}
		all = append(all, id.Key(c.id()).ID())
		return len(all) < limit, s.corrupt(c.err)
	})
	return all, err
}

// PutExportPart implements chat.ExportStore.
func (s *Store) PutExportPart(ctx context.Context, e chat.Export, n int, data []byte) error {
	return s.put(ctx, func(b *pebble.Batch) {
		setExpiring(b, exportPartKey(e, n), e, exportLease(e).record().bytes(10, data))
	})
}

// ExportPart implements chat.ExportStore.
func (s *Store) ExportPart(ctx context.Context, e chat.Export, n int) (data []byte, err error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	v, found, err := s.find(exportPartKey(e, n))
	if err == nil && !found {
		err = chat.ErrNotFound(chat.ExportEntity, e.ID.String())
	}
	if err != nil {
		return nil, err
	}
	_, err = decodeLease(v, func(f *field) {
		if f.number == 10 {
			data = []byte(f.text())
		}
	})
	return data, s.corrupt(err)
}

// DeleteExport implements chat.ExportStore.
func (s *Store) DeleteExport(ctx context.Context, e chat.Export) error {
	k := exportKey(e.Tenant, e.ID)
	return s.change(ctx, &s.leases, k, func(b *pebble.Batch) error {
		prefix := exportPartsOf(e)
		keys := []key{k, exportOfKey(e)}
		err := s.scan(ctx, prefix, prefix, func(last, _ []byte) (bool, error) {
			keys = append(keys, prefix.last(string(last)))
			return true, nil
		})
		for _, k := range keys {
			remove(b, k)
			remove(b, expiryKey(e.GoneAt, k))
		}
		return err
	})
}
