// SPDX-License-Identifier: BSD-3-Clause

package config

// clusterTable has the directives of the cluster.
func clusterTable() []Directive {
	return []Directive{
		{Name: "cluster-enabled", Kind: Bool, Flags: Immutable, Default: "no", Status: Later, Here: "the server stands alone",
			Doc: "be a node of a cluster"},
		{Name: "cluster-config-file", Kind: String, Flags: Immutable, Default: "nodes.conf", Status: Later, Doc: "file of the cluster's state"},
		{Name: "cluster-node-timeout", Kind: Int, Max: maxI64, Default: "15000", Status: Later, Doc: "milliseconds of silence after which a node fails"},
		{Name: "cluster-ping-interval", Kind: Int, Flags: Hidden, Max: maxI64, Default: "1000", Status: Later,
			Doc: "milliseconds between pings to a node"},
		{Name: "cluster-port", Kind: Int, Flags: Immutable, Max: 65535, Default: "0", Status: Later, Doc: "port of the cluster bus, 0 for port + 10000"},
		{Name: "cluster-replica-validity-factor", Aliases: []string{"cluster-slave-validity-factor"}, Kind: Int, Max: maxI32, Default: "10",
			Status: Later, Doc: "how old a replica's data may be for it to take over"},
		{Name: "cluster-replica-no-failover", Aliases: []string{"cluster-slave-no-failover"}, Kind: Bool, Default: "no", Status: Later,
			Doc: "never take over from a failed master"},
		{Name: "cluster-migration-barrier", Kind: Int, Max: maxI32, Default: "1", Status: Later,
			Doc: "replicas that a master keeps when others have none"},
		{Name: "cluster-allow-replica-migration", Kind: Bool, Default: "yes", Status: Later, Doc: "let replicas move to masters that have none"},
		{Name: "cluster-require-full-coverage", Kind: Bool, Default: "yes", Status: Later, Doc: "refuse commands while a slot has no node"},
		{Name: "cluster-allow-reads-when-down", Kind: Bool, Default: "no", Status: Later, Doc: "answer reads while the cluster is down"},
		{Name: "cluster-allow-pubsubshard-when-down", Kind: Bool, Default: "yes", Status: Later,
			Doc: "serve sharded channels while the cluster is down"},
		{Name: "cluster-link-sendbuf-limit", Kind: Memory, Max: maxU64, Default: "0", Status: Later,
			Doc: "bytes that may wait on a link between nodes, 0 for no limit"},
		{Name: "cluster-announce-ip", Kind: String, Status: Later, Doc: "address by which other nodes know this one"},
		{Name: "cluster-announce-client-ipv4", Kind: String, Status: Later, Doc: "IPv4 address by which clients know this node"},
		{Name: "cluster-announce-client-ipv6", Kind: String, Status: Later, Doc: "IPv6 address by which clients know this node"},
		{Name: "cluster-announce-hostname", Kind: String, check: hostname, Status: Later, Doc: "host name by which clients know this node"},
		{Name: "cluster-announce-human-nodename", Kind: String, check: nodename, Status: Later, Doc: "name of this node in the log"},
		{Name: "cluster-announce-port", Kind: Int, Max: 65535, Default: "0", Status: Later, Doc: "port that is announced, 0 for the real one"},
		{Name: "cluster-announce-tls-port", Kind: Int, Max: 65535, Default: "0", Status: Later, Doc: "TLS port that is announced, 0 for the real one"},
		{Name: "cluster-announce-bus-port", Kind: Int, Max: 65535, Default: "0", Status: Later, Doc: "bus port that is announced, 0 for the real one"},
		{Name: "cluster-preferred-endpoint-type", Kind: Enum, Names: []string{"ip", "hostname", "unknown-endpoint"}, Default: "ip",
			Status: Later, Doc: "how clients are sent to other nodes"},
		{Name: "cluster-blacklist-ttl", Kind: Int, Max: maxU32, Default: "60", Status: Later, Doc: "seconds for which a forgotten node stays forgotten"},
		{Name: "cluster-slot-stats-enabled", Kind: Bool, Default: "no", Status: Later, Doc: "count CPU and network by slot"},
		{Name: "availability-zone", Kind: String, Status: Later, Doc: "zone that HELLO and INFO name"},
	}
}
