// SPDX-License-Identifier: BSD-3-Clause

package config

// tlsTable has the directives of TLS.
func tlsTable() []Directive {
	return []Directive{
		{Name: "tls-port", Kind: Int, Max: 65535, Default: "0", Status: Later, Here: "no TLS port is opened", Doc: "TCP port for TLS, 0 for none"},
		{Name: "tls-cluster", Kind: Bool, Default: "no", Status: Later, Doc: "use TLS between nodes of the cluster"},
		{Name: "tls-replication", Kind: Bool, Default: "no", Status: Later, Doc: "use TLS to the master"},
		{Name: "tls-auth-clients", Kind: Enum, Names: []string{"no", "yes", "optional"}, Default: "yes", Status: Later,
			Doc: "ask clients for a certificate"},
		{Name: "tls-cert-file", Kind: String, Status: Later, Doc: "certificate of the server"},
		{Name: "tls-key-file", Kind: String, Status: Later, Doc: "key of the server's certificate"},
		{Name: "tls-key-file-pass", Kind: String, Flags: Sensitive, Status: Later, Doc: "password of the key file"},
		{Name: "tls-client-cert-file", Kind: String, Status: Later, Doc: "certificate for outgoing connections"},
		{Name: "tls-client-key-file", Kind: String, Status: Later, Doc: "key of the certificate for outgoing connections"},
		{Name: "tls-client-key-file-pass", Kind: String, Flags: Sensitive, Status: Later, Doc: "password of that key file"},
		{Name: "tls-dh-params-file", Kind: String, Status: Ignored, Here: "no key exchange needs it", Doc: "Diffie-Hellman parameters of old clients"},
		{Name: "tls-ca-cert-file", Kind: String, Status: Later, Doc: "certificates of the authorities to trust"},
		{Name: "tls-ca-cert-dir", Kind: String, Status: Later, Doc: "directory of certificates of the authorities to trust"},
		{Name: "tls-protocols", Kind: String, Status: Later, Doc: "versions of TLS that are allowed"},
		{Name: "tls-ciphers", Kind: String, Status: Later, Doc: "ciphers allowed up to TLS 1.2"},
		{Name: "tls-ciphersuites", Kind: String, Status: Later, Doc: "ciphers allowed in TLS 1.3"},
		{Name: "tls-prefer-server-ciphers", Kind: Bool, Default: "no", Status: Later, Doc: "let the server choose the cipher"},
		{Name: "tls-session-caching", Kind: Bool, Default: "yes", Status: Later, Doc: "let clients take up an earlier TLS session"},
		{Name: "tls-session-cache-size", Kind: Int, Max: maxI32, Default: "20480", Status: Later, Doc: "TLS sessions remembered"},
		{Name: "tls-session-cache-timeout", Kind: Int, Max: maxI32, Default: "300", Status: Later, Doc: "seconds for which a TLS session is remembered"},
		{Name: "max-new-tls-connections-per-cycle", Kind: Int, Min: 1, Max: 1000, Default: "1", Status: Ignored,
			Here: "handshakes never run on a loop", Doc: "TLS connections accepted in one turn of the event loop"},
	}
}
