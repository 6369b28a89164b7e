// SPDX-License-Identifier: BSD-3-Clause

package command

import (
	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/store"
)

// EventClass gives the class of a keyspace event, as handlers name it to Ctx.Modified; 0 for a name that no event has.
func EventClass(event string) config.Events {
	switch event {
	case "copy_to", "del", "expire", "move_from", "move_to", "persist", "rename_from", "rename_to", "restore":
		return config.EventGeneric
	case "append", "incrby", "incrbyfloat", "pfadd", "set", "setbit", "setrange":
		return config.EventString
	case "linsert", "lpop", "lpush", "lrem", "lset", "ltrim", "rpop", "rpush", "sortstore":
		return config.EventList
	case "sadd", "sdiffstore", "sinterstore", "spop", "srem", "sunionstore":
		return config.EventSet
	case "hdel", "hexpire", "hexpired", "hincrby", "hincrbyfloat", "hpersist", "hset":
		return config.EventHash
	case "georadiusstore", "geosearchstore", "zadd", "zdiffstore", "zincr", "zinterstore", "zpopmax", "zpopmin", "zrangestore", "zrem", "zremrangebylex",
		"zremrangebyrank", "zremrangebyscore", "zunionstore":
		return config.EventSortedSet
	case "xadd", "xdel", "xgroup-create", "xgroup-createconsumer", "xgroup-delconsumer", "xgroup-destroy", "xgroup-setid", "xsetid", "xtrim":
		return config.EventStream
	case "ardel", "ardelrange", "arinsert", "armset", "arring", "arseek", "arset":
		return config.EventArray
	case "expired":
		return config.EventExpired
	case "evicted":
		return config.EventEvicted
	case "keymiss":
		return config.EventKeyMiss
	case "new":
		return config.EventNew
	case "overwritten":
		return config.EventOverwritten
	case "type_changed":
		return config.EventTypeChanged
	}
	return 0
}

// ResultOf gives the type of the value that a key has got by an event which says that it takes the place of any other; false for
// other events.
func ResultOf(event string) (t store.Type, overwrites bool) {
	switch event {
	case "set":
		return store.TypeString, true
	case "sortstore":
		return store.TypeList, true
	case "sdiffstore", "sinterstore", "sunionstore":
		return store.TypeSet, true
	case "georadiusstore", "geosearchstore", "zdiffstore", "zinterstore", "zrangestore", "zunionstore":
		return store.TypeZSet, true
	}
	return 0, false
}
