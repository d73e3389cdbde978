import Administration
import HTTPTypes

/// What a form says of a drain.
struct DrainForm {
    /// How to drain; nil when new allocations are to be taken again.
    let order: DrainOrder?

    /// Reads it.
    ///
    /// - Throws: When there is no such button, or the minutes are no number.
    init(_ form: Fields) throws(ConsoleError) {
        let button = form["do"]
        if button == "undrain" {
            order = nil
            return
        }
        guard button == "drain" || button == "drain-stay" else {
            throw ConsoleError(.badRequest, .badRequest, "do")
        }
        let minutes = form["minutes"]
        // What Int takes beside digits, such as "+5", is none.
        let isNumber = minutes.utf8.count <= 5 && minutes.utf8.allSatisfy { (0x30...0x39).contains($0) }
        guard isNumber else { throw ConsoleError(.badRequest, .badRequest, "minutes") }
        order = DrainOrder(seconds: Int(minutes).map { $0 * 60 }, stays: button == "drain-stay")
    }
}
