package chatapi

import (
	"net/http"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/exports"
	"github.com/confab-chat/confab/pkg/id"
)

type export struct {
	ID     string         `json:"id"`
	Status exports.Status `json:"status"`
	Result string         `json:"result,omitempty"`
}

func (m *mount) exportPath(e id.ID) string { return m.prefix + "/exports/" + e.String() }

func (m *mount) export(s exports.State) export {
	out := export{ID: s.ID.String(), Status: s.Status}
	if s.Status == exports.Done {
		out.Result = m.exportPath(s.ID) + "/messages"
	}
	return out
}

// exportOf returns the export that the path names.
func exportOf(r *http.Request) (id.ID, error) {
	e, err := id.Parse(api.Variable(r, "export"))
	if err != nil {
		return e, chat.ErrNotFound(chat.ExportEntity, api.Variable(r, "export"))
	}
	return e, nil
}

func (m *mount) requestExport(w http.ResponseWriter, r *http.Request) error {
	s, err := m.exports.Request(r.Context(), who(r), api.Variable(r, "room"))
	if err != nil {
		return err
	}
	m.record(r, audit.ExportRequested, api.Variable(r, "room"), s.ID.String())
	w.Header().Set("Location", m.exportPath(s.ID))
	api.Write(w, http.StatusAccepted, m.contentType(), encode(m.export(s)))
	return nil
}

// stateOf returns the export that a request names.
func (m *mount) stateOf(r *http.Request) (exports.State, error) {
	e, err := exportOf(r)
	if err != nil {
		return exports.State{}, err
	}
	return m.exports.Get(r.Context(), who(r), e)
}

func (m *mount) getExport(w http.ResponseWriter, r *http.Request) error {
	s, err := m.stateOf(r)
	if err != nil {
		return err
	}
	return m.ok(w, m.export(s))
}

func (m *mount) deleteExport(w http.ResponseWriter, r *http.Request) error {
	e, err := exportOf(r)
	if err != nil {
		return err
	}
	if err := m.exports.Delete(r.Context(), who(r), e); err != nil {
		return err
	}
	return noContent(w)
}

// getExported sends the file, a part at a time.
func (m *mount) getExported(w http.ResponseWriter, r *http.Request) error {
	s, err := m.stateOf(r)
	if err == nil && s.Status != exports.Done {
		err = &chat.Error{Kind: chat.NotFound, Entity: chat.ExportEntity, Name: s.ID.String(), Message: "this export has no file, or not yet"}
	}
	if err != nil {
		return err
	}
	var part []byte
	if s.Export.Parts > 0 {
		if part, err = m.exports.Part(r.Context(), s, 0); err != nil {
			return err
		}
	}
	w.Header().Set("Content-Disposition", `attachment; filename="`+s.Room.Name+`.ndjson"`)
	api.WriteHead(w, http.StatusOK, "application/x-ndjson")
	for n := 1; ; n++ {
		if _, err := w.Write(part); err != nil || n >= s.Export.Parts {
			return nil // an error means that the client is gone
		}
		if part, err = m.exports.Part(r.Context(), s, n); err != nil {
			panic(http.ErrAbortHandler) // the client must not take this for the end
		}
	}
}
