package cassandra

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// BucketInfo describes a bucket of a log, which is one partition in Cassandra.
type BucketInfo struct {
	Start, End time.Time     // UTC; End is not in it
	Width      time.Duration // that of its time; End-Start is less where a change of width cut the bucket
	Messages   int
	More       bool // there are more messages than were counted
}

// Buckets returns up to n buckets of a log that may have messages, newest first. It counts up to limit messages in
// each, by reading their ids, so it serves occasional inspection only.
func (s *Store) Buckets(ctx context.Context, l chat.Log, n, limit int) ([]BucketInfo, error) {
	ctx, end, err := s.beginLong(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	var all []BucketInfo
	for from := maxBucket; len(all) < n; {
		want := min(indexWindow, n-len(all))
		buckets, err := s.bucketsBefore(ctx, l, from, want)
		if err != nil {
			return nil, err
		}
		for _, b := range buckets {
			info, err := s.bucketInfo(ctx, l, b, limit)
			if err != nil {
				return nil, err
			}
			all = append(all, info)
		}
		if len(buckets) < want {
			break
		}
		from = buckets[len(buckets)-1]
	}
	return all, nil
}

func (s *Store) bucketInfo(ctx context.Context, l chat.Log, b id.Bucket, limit int) (BucketInfo, error) {
	list, _, err := s.widthsAt(ctx, l, int64(b))
	if err != nil {
		return BucketInfo{}, err
	}
	end, width := list.Span(b)
	rows, err := s.rowsIn(ctx, l, b, limit+1)
	if err != nil {
		return BucketInfo{}, err
	}
	return BucketInfo{
		Start: time.UnixMilli(int64(b)).UTC(), End: time.UnixMilli(end).UTC(), Width: width,
		Messages: min(rows, limit), More: rows > limit,
	}, nil
}
