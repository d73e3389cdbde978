import SecureTransport
import TestTLS
import Testing

@Suite("Certificates and keys: what is wrong with them is said in words")
struct TLSContextTests {
    private func refusal(chain: [UInt8], key: [UInt8], protocols: [String] = [], now: Int64? = nil) -> String {
        do {
            _ = try TLSContext(server: .stream, chain: chain, key: key, protocols: protocols, now: now)
            return ""
        } catch { return "\(error)" }
    }

    @Test("text without a certificate, without a key, and with rubbish in either")
    func missing() {
        let good = TestCertificate.usual
        #expect(refusal(chain: [], key: good.key).hasPrefix("there is no certificate in it"))
        #expect(refusal(chain: good.key, key: good.key).hasPrefix("there is no certificate in it"))
        #expect(refusal(chain: good.chain, key: []).hasPrefix("there is no private key in it"))
        #expect(refusal(chain: good.chain, key: good.chain).hasPrefix("there is no private key in it"))
        let rubbish = [UInt8](text: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        #expect(refusal(chain: rubbish, key: good.key).hasPrefix("certificate 1 in it cannot be read"))
        #expect(refusal(chain: good.chain + rubbish, key: good.key).hasPrefix("certificate 2 in it cannot be read"))
        let badKey = [UInt8](text: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
        #expect(refusal(chain: good.chain, key: badKey).hasPrefix("the private key in it cannot be read"))
    }

    @Test("a key of another certificate, one of a later certificate of the chain, one with a password")
    func keys() {
        let (good, other) = (TestCertificate.usual, TestCertificate.other)
        #expect(refusal(chain: good.chain, key: other.key) == "the private key does not belong to the certificate")
        #expect(refusal(chain: good.chain, key: TestCertificate.rsa.key).hasPrefix("the private key does not belong"))
        #expect(
            refusal(chain: other.chain + good.chain, key: good.key).hasPrefix(
                "the private key belongs to certificate 2"
            )
        )
        #expect(refusal(chain: good.chain, key: good.encryptedKey).hasPrefix("the private key is encrypted"))
    }

    @Test("an expired certificate is refused when asked, a key that is too short always, and an empty ALPN name")
    func others() throws {
        let good = TestCertificate.usual
        let end = try CertificateFacts(pem: good.chain).notAfter
        #expect(refusal(chain: good.chain, key: good.key, now: end) == "")
        #expect(
            refusal(chain: good.chain, key: good.key, now: end + 1)
                == "the certificate of turn.example.org has expired: renew it"
        )
        #expect(
            refusal(chain: TestCertificate.weak.chain, key: TestCertificate.weak.key)
                == "OpenSSL does not take it: ee key too small"
        )
        #expect(refusal(chain: good.chain, key: good.key, protocols: [""]).hasPrefix("`` is no ALPN protocol"))
    }

    @Test("key and chain may be one text, and every start of it that is too short is refused, never more")
    func cut() {
        let good = TestCertificate.usual
        let all = good.key + good.chain
        #expect(refusal(chain: all, key: all) == "")
        for count in stride(from: 0, to: good.chain.count - 1, by: 7) {
            #expect(refusal(chain: Array(good.chain[..<count]), key: good.key) != "")
        }
    }

    @Test("names, times and fingerprint are those that openssl shows")
    func facts() throws {
        let good = TestCertificate.usual
        let facts = try CertificateFacts(pem: good.chain)
        #expect(facts.names == ["turn.example.org", "*.stun.example.org", "192.0.2.1", "2001:db8::1"])
        #expect(facts.notAfter - facts.notBefore == 30 * 86_400)
        #expect(!facts.hasExpired(at: facts.notAfter) && facts.hasExpired(at: facts.notAfter + 1))
        #expect(good.openssl(["-fingerprint", "-sha256"]).hasSuffix("=\(facts.fingerprint)\n"))
        let context = try TestContext.server()
        #expect(context.facts == facts)
    }
}
