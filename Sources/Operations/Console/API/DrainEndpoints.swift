import Administration
import HTTPTypes
import Hummingbird

/// Whether the server takes new allocations.
struct DrainEndpoints: Sendable {
    let administrator: Administrator

    private struct NewDrain: StrictBody {
        enum CodingKeys: CodingKey, CaseIterable {
            case seconds, stay
        }

        let seconds: Int?
        let stay: Bool?
    }

    var all: [APIEndpoint] {
        [
            APIEndpoint(method: .post, path: "/drain") { call in
                let wanted = try await call.body(NewDrain.self)
                let order = DrainOrder(seconds: wanted.seconds, stays: wanted.stay ?? false)
                return try JSONAnswer.make(try await administrator.drain(order, by: call.visitor.person))
            },
            APIEndpoint(method: .delete, path: "/drain") { call in
                try await call.expectNoBody()
                return try JSONAnswer.make(try await administrator.undrain(by: call.visitor.person))
            },
        ]
    }
}
