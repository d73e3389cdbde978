/// How somebody looks at a table: what they search, how it is sorted, and where they are in it.
///
/// All of it stands in the address, so that links, reloading and going back work without JavaScript.
struct TableState: Sendable {
    /// A column heading.
    struct Header: Sendable {
        let title: String
        /// What the column means.
        let help: String?
        /// The address that sorts by it; nil when that is not possible.
        let link: String?
        /// How it is sorted, for those who hear the page; nil when it is not.
        let order: String?
        let arrow: String
        let isNumber: Bool
    }

    /// A column as a page names it.
    struct Column: Sendable {
        /// The name in texts.
        let name: String
        /// The name in the address; nil when the table cannot be sorted by it.
        var sort: String?
        /// Whether what comes first by nature is the least.
        var beginsWithLeast = false
        /// Whether it holds numbers.
        var isNumber = true
    }

    /// Where somebody is in a table of several pages.
    struct Paging: Sendable {
        /// Which rows are shown of how many.
        let text: String
        let previous: String?
        let next: String?
    }

    /// A field of the address beside those of the table, for the form that searches.
    struct Kept: Sendable {
        let name: String
        let value: String
    }

    /// The longest text that is searched for, in characters.
    private static let longestSearch = 200

    let search: String
    let sort: String
    let isReversed: Bool
    let offset: Int
    /// What else the address says of the page, and goes on to say.
    let kept: [Kept]
    private let defaultSort: String

    /// Reads an address; what it does not know is the default.
    ///
    /// - `keeping`: the names of fields that stay whatever is searched for.
    init(_ query: Fields, sorts: [String], defaultSort: String, keeping names: [String] = []) {
        kept = names.map { Kept(name: $0, value: query[$0]) }.filter { !$0.value.isEmpty }
        search = String(query["search"].trimmed.prefix(Self.longestSearch))
        sort = sorts.contains(query["sort"]) ? query["sort"] : defaultSort
        isReversed = query["reversed"] == "true"
        offset = min(max(0, query.integer("offset") ?? 0), 1_000_000)
        self.defaultSort = defaultSort
    }

    /// The fields of an address that shows the same rows, from `offset` on.
    func fields(offset: Int = 0) -> [(String, String)] {
        fields(sort, isReversed) + [("offset", offset > 0 ? "\(offset)" : "")]
    }

    /// The fields of an address that shows the same rows in another order.
    private func fields(_ sort: String, _ isReversed: Bool) -> [(String, String)] {
        let order = [("sort", sort == defaultSort ? "" : sort), ("reversed", isReversed ? "true" : "")]
        return kept.map { ($0.name, $0.value) } + [("search", search)] + order
    }

    /// The name of the order for the form that searches; nil for the one that stands in no address.
    var sortField: String? { sort == defaultSort ? nil : sort }

    /// The headings of a table whose texts begin with `prefix`.
    func headers(_ columns: [Column], _ prefix: String, _ request: PageRequest) -> [Header] {
        columns.map { column in
            let isSorted = column.sort == sort
            let isAscending = column.beginsWithLeast != isReversed
            let link = column.sort.map { name in
                request.path(request.page, fields(name, isSorted && !isReversed))
            }
            return Header(
                title: request.texts("\(prefix)_\(column.name)"),
                help: request.texts["\(prefix)_\(column.name)_help"],
                link: link,
                order: isSorted ? (isAscending ? "ascending" : "descending") : nil,
                arrow: isSorted ? (isAscending ? "▲" : "▼") : "",
                isNumber: column.isNumber
            )
        }
    }

    /// The way through `found` rows, of which `shown` are on this page, at most `limit`.
    func paging(shown: Int, found: Int, limit: Int, _ quantities: Quantities, _ request: PageRequest) -> Paging {
        let end = offset + shown
        let text =
            shown == 0
            ? ""
            : request.texts(
                "status_rows",
                quantities.number(offset + 1),
                quantities.number(end),
                quantities.number(found)
            )
        return Paging(
            text: text,
            previous: offset > 0 ? request.path(request.page, fields(offset: max(0, offset - limit))) : nil,
            next: end < found && shown > 0 ? request.path(request.page, fields(offset: end)) : nil
        )
    }
}

extension String {
    /// The text without spaces at its ends.
    var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
