/// An element of a `Slab`: it can be linked to the next of its list.
protocol SlabElement: Sendable {
    /// The next element of the same list, or of the free ones; -1 at the end.
    var next: Int32 { get set }
}

/// Elements in one array, reached by their index, whose places are used again: many short lists without a block of memory
/// each.
struct Slab<Element: SlabElement>: Sendable {
    private var elements: [Element] = []
    private var firstFree: Int32 = -1
    /// How many elements are in use.
    private(set) var count = 0

    /// The element at an index that `insert` returned.
    subscript(index: Int32) -> Element {
        _read { yield elements[Int(index)] }
        _modify { yield &elements[Int(index)] }
    }

    /// Puts an element in a free place and returns its index.
    mutating func insert(_ element: Element) -> Int32 {
        count &+= 1
        guard firstFree >= 0 else {
            elements.append(element)
            return Int32(truncatingIfNeeded: elements.count &- 1)
        }
        let index = firstFree
        firstFree = elements[Int(index)].next
        elements[Int(index)] = element
        return index
    }

    /// Gives a place free.
    mutating func remove(_ index: Int32) {
        count &-= 1
        elements[Int(index)].next = firstFree
        firstFree = index
    }
}

extension Permission: SlabElement {}
extension Channel: SlabElement {}
