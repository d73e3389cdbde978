import HTTPTypes

/// One page of the console.
///
/// It is whole without JavaScript. With it, the part in the template `<template>_live` is replaced when it changes.
protocol ConsolePage: Sendable {
    /// The name in its address: `stat` is served as `/stat.htm` in the browser's language, and as `/stat_en.htm` and
    /// `/stat_de.htm`.
    var name: String { get }
    /// What the page shows.
    func show(_ request: PageRequest) async throws -> PageBody
    /// Does what a form of the page asks; only administrators get here, and the form's token is right.
    func act(_ form: Fields, _ request: PageRequest) async throws -> PageAction
}

extension ConsolePage {
    /// A page without forms.
    func act(_ form: Fields, _ request: PageRequest) async throws -> PageAction {
        throw ConsoleError(.notFound, .notFound)
    }
}

/// What stands between head and foot of a page.
struct PageBody: Sendable {
    /// The template, such as `statistics`.
    var template: String
    /// What the template shows: a value of structs, arrays, dictionaries, strings, numbers and truth values.
    var model: any Sendable
    /// Whether the template `<template>_live` is part of it and follows what happens.
    var isLive = false
    /// An own script beside the common one, by its file name in `Assets`.
    var script: String?
    /// What the answer says of itself: 422 where fields are wrong.
    var status = HTTPResponse.Status.ok
}

/// What follows a form.
enum PageAction: Sendable {
    /// Go to an address, which says that it is done by the text `done_<done>`.
    case done(String, goTo: String)
    /// Show a page: what is to be confirmed, or what is wrong with the fields.
    case show(PageBody)
}
