import Mustache

/// A model with all its members by name.
///
/// Mustache looks at a struct anew for each name that a template has, and so at each struct around it; here each is looked at
/// once.
struct FlatModel: MustacheParent {
    private let members: [String: Any]

    /// Takes the members of a struct, and theirs.
    init(_ model: Any) {
        members = Dictionary(
            Mirror(reflecting: model).children.compactMap { child in
                guard let name = child.label, let value = Self.flat(child.value) else { return nil }
                return (name, value)
            }
        ) { first, _ in first }
    }

    func child(named name: String) -> Any? { members[name] }

    /// Values of the standard library as they are, other structs as a `FlatModel`; nil for nil.
    private static func flat(_ value: Any) -> Any? {
        switch value {
        case is String, is Int, is Bool, is Double, is UInt64, is [String: String]: return value
        case let texts as [String]: return texts
        default: break
        }
        let mirror = Mirror(reflecting: value)
        switch mirror.displayStyle {
        case .optional: return mirror.children.first.flatMap { flat($0.value) }
        case .collection: return mirror.children.map { flat($0.value) ?? "" }
        case .struct: return FlatModel(value)
        default: return value
        }
    }
}
