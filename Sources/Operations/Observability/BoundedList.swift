/// The last elements that were added, the oldest giving way to the newest.
struct BoundedList<Element> {
    /// How many are kept at most, at least one; setting it keeps the newest.
    var capacity: Int {
        didSet {
            capacity = max(1, capacity)
            elements = Array(inOrder.suffix(capacity))
            oldest = 0
        }
    }
    /// A circle once it is full; `oldest` is where it begins.
    private var elements: [Element] = []
    private var oldest = 0

    init(capacity: Int) {
        self.capacity = max(1, capacity)
    }

    /// All of them, the oldest first.
    var inOrder: [Element] { Array(elements[oldest...] + elements[..<oldest]) }

    mutating func append(_ element: Element) {
        guard elements.count == capacity else {
            elements.append(element)
            return
        }
        elements[oldest] = element
        oldest = (oldest + 1) % capacity
    }

    /// Changes one of the newest `count` elements in its place, the newest that is meant; false when there is none.
    mutating func change(
        amongNewest count: Int,
        where isMeant: (Element) -> Bool,
        _ change: (inout Element) -> Void
    ) -> Bool {
        for age in 0..<min(count, elements.count) {
            let index = (oldest + elements.count - 1 - age) % elements.count
            guard isMeant(elements[index]) else { continue }
            change(&elements[index])
            return true
        }
        return false
    }

    mutating func removeAll() {
        elements.removeAll()
        oldest = 0
    }
}
