package easemob

import (
	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/sse"
)

// Encoder writes the events of streams.
type Encoder struct{}

var _ sse.Encoder = Encoder{}

// Message implements sse.Encoder.
func (Encoder) Message(i sse.Item) (string, []byte) {
	b := itemBrief(i)
	r := recordOf(b, i.Message, inwards)
	r.UUID, r.Created, r.Modified = i.ID.String(), r.Timestamp, r.Timestamp
	return b.MsgID, encoded(r)
}

// Recall implements sse.Encoder.
func (Encoder) Recall(i sse.Item) []byte { return encoded(briefOf(i.Tenant, i.Kind, i.Log, i.Message)) }

// Rewrite implements sse.Encoder.
func (Encoder) Rewrite(i sse.Item) []byte { return encoded(itemBrief(i)) }

// itemBrief is what an item says.
func itemBrief(i sse.Item) brief {
	b := briefOf(i.Tenant, i.Kind, i.Log, i.Message)
	if b.show(i.Message) != nil { // it was checked when it came
		b.Payload.Bodies = []fields{{}}
	}
	return b
}

// encoded is v as one line of JSON.
func encoded(v any) []byte {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		panic(err) // it is made of texts, numbers and JSON that was read
	}
	return b
}
