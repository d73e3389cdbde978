import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("The PDU in the log of the 2002 manual")
struct ManualTests {
    let pdu = hex("00 01 00 08 2b 8c 53 0c 00 03 00 04 00 00 00 00")

    @Test("with one address it is answered with MAPPED-ADDRESS, 20 bytes")
    func oneAddress() {
        var harness = ServerHarness()
        let outcome = harness.send(pdu)
        #expect(outcome.verdict == .reply)
        #expect(outcome.answer == hex("01 01 00 0c 2b 8c 53 0c  00 01 00 08 73 44 01 00 d9 e6 ba 6a"))
    }

    @Test("with two addresses SOURCE-ADDRESS and CHANGED-ADDRESS follow")
    func twoAddresses() {
        var harness = ServerHarness(policy: .twoAddresses)
        #expect(
            harness.send(pdu).answer
                == hex(
                    """
                    01 01 00 24 2b 8c 53 0c  00 01 00 08 73 44 01 00 d9 e6 ba 6a
                    00 04 00 08 0d 96 01 00 c6 33 64 0a  00 05 00 08 0d 97 01 00 c6 33 64 0b
                    """
                )
        )
    }

    @Test("in the layout of rosenberg-00 addresses take 7 bytes and CHANGED-ADDRESS has no number")
    func sevenByteAddresses() {
        var policy = Policy.twoAddresses
        policy.draftAddressLayout = .draft00
        var harness = ServerHarness(policy: policy)
        #expect(
            harness.send(pdu).answer
                == hex("01 01 00 16 2b 8c 53 0c  00 01 00 07 73 44 01 d9 e6 ba 6a  00 04 00 07 0d 96 01 c6 33 64 0a")
        )
    }

    @Test("it counts as one hit without a change")
    func statistics() {
        var harness = ServerHarness()
        _ = harness.send(pdu)
        let row = harness.server.sources.newestFirst.first
        #expect(row?.source == .client)
        #expect(row?.noChange == 1)
        #expect(row?.hits == 1)
    }
}
