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

    mutating func removeAll() {
        elements.removeAll()
        oldest = 0
    }
}
