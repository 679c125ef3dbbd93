//! The OpenAPI document as people read it: groups of operations with what each takes and answers. References are followed
//! and nested fields stand in one list. How it looks is the template's affair.

use serde_json::Value;

/// How deep fields stand in fields before they are left to the document itself.
const MAX_DEPTH: usize = 4;

/// The document.
#[derive(Debug, Default)]
pub(crate) struct ApiDocument {
    pub(crate) version: String,
    /// What it is about, in paragraphs.
    pub(crate) about: Vec<Vec<Piece>>,
    pub(crate) groups: Vec<Group>,
    /// What stands around each answer in JSON.
    pub(crate) envelope: Vec<Field>,
}

/// Operations about one thing.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// The name as part of an address.
    pub(crate) anchor: String,
    pub(crate) operations: Vec<Operation>,
}

/// What a path and a method do.
#[derive(Debug)]
pub(crate) struct Operation {
    /// Its id in the document, which is its part of an address too.
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) summary: String,
    pub(crate) about: Vec<Piece>,
    pub(crate) parameters: Vec<Field>,
    /// The media type of the body, where one is taken, and its fields.
    pub(crate) body: Option<(String, Vec<Field>)>,
    /// Each answer but refusals: status and media type, what it is, and the fields of its result.
    pub(crate) answers: Vec<Answer>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: String,
    pub(crate) about: String,
    pub(crate) media_type: String,
    pub(crate) fields: Vec<Field>,
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    /// What stood in back ticks.
    Code(String),
}

/// A parameter, or a field of a body or an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// With what it stands in: `urls[].image`.
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) is_required: bool,
    pub(crate) about: String,
}

impl ApiDocument {
    /// Reads a document. What is not there is left out.
    pub(crate) fn read(text: &str) -> ApiDocument {
        let document: Value = serde_json::from_str(text).unwrap_or_default();
        let reader = Reader(&document);
        let names = reader.list(&document["tags"]).filter_map(|tag| tag["name"].as_str());
        let groups = names.map(|name| Group {
            name: name.to_owned(),
            anchor: name.to_lowercase().replace(' ', "-"),
            operations: reader.operations_of(name),
        });
        ApiDocument {
            version: word(&document["info"]["version"]),
            about: word(&document["info"]["description"]).split("\n\n").map(pieces).collect(),
            groups: groups.filter(|group| !group.operations.is_empty()).collect(),
            envelope: reader.fields(&document["components"]["schemas"]["Envelope"]),
        }
    }
}

/// The document, to look things up in.
struct Reader<'d>(&'d Value);

impl<'d> Reader<'d> {
    fn operations_of(&self, group: &str) -> Vec<Operation> {
        let Some(paths) = self.0["paths"].as_object() else { return Vec::new() };
        let all = paths.iter().flat_map(|(path, there)| {
            let methods = there.as_object().into_iter().flatten().filter(|(name, _)| *name != "parameters");
            methods.map(move |(method, operation)| (path, there, method, operation))
        });
        let own = all.filter(|(.., operation)| operation["tags"][0] == group);
        own.map(|(path, there, method, operation)| self.operation(path, there, method, operation)).collect()
    }

    fn operation(&self, path: &str, there: &'d Value, method: &str, operation: &'d Value) -> Operation {
        let parameters = self.list(&there["parameters"]).chain(self.list(&operation["parameters"]));
        let answers = operation["responses"].as_object().into_iter().flatten();
        Operation {
            id: word(&operation["operationId"]),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: word(&operation["summary"]),
            about: pieces(&word(&operation["description"])),
            parameters: parameters.map(|parameter| self.parameter(parameter)).collect(),
            body: self.content(&operation["requestBody"]).map(|(media, schema)| (media, self.fields(schema))),
            answers: answers
                .filter(|(status, _)| *status != "default")
                .map(|(status, answer)| self.answer(status, self.resolved(answer)))
                .collect(),
        }
    }

    fn parameter(&self, parameter: &'d Value) -> Field {
        let schema = self.resolved(&parameter["schema"]);
        Field {
            name: word(&parameter["name"]),
            kind: format!("{}, {}", word(&parameter["in"]), self.kind(schema)),
            is_required: parameter["required"] == true,
            about: with_bounds(word(&parameter["description"]), schema),
        }
    }

    fn answer(&self, status: &str, answer: &'d Value) -> Answer {
        let content = self.content(answer);
        let fields = content.as_ref().map(|(_, schema)| match self.result(schema) {
            Some(result) => self.fields(result),
            None => self.fields(schema),
        });
        Answer {
            status: status.to_owned(),
            about: word(&answer["description"]),
            media_type: content.map(|(media_type, _)| media_type).unwrap_or_default(),
            fields: fields.unwrap_or_default(),
        }
    }

    /// The first media type of a body, and its schema.
    fn content(&self, of: &'d Value) -> Option<(String, &'d Value)> {
        let (media_type, content) = of["content"].as_object()?.iter().next()?;
        Some((media_type.clone(), self.resolved(&content["schema"])))
    }

    /// What an answer tells inside of the envelope.
    fn result(&self, schema: &'d Value) -> Option<&'d Value> {
        let parts = self.list(&schema["allOf"]).map(|part| &part["properties"]["result"]);
        parts.filter(|result| !result.is_null()).map(|result| self.resolved(result)).last()
    }

    fn fields(&self, schema: &'d Value) -> Vec<Field> {
        let mut fields = Vec::new();
        self.add_fields("", schema, 0, &mut fields);
        fields
    }

    /// Adds the fields of an object, or of the objects that a list or a choice is of.
    fn add_fields(&self, before: &str, schema: &'d Value, depth: usize, into: &mut Vec<Field>) {
        let schema = self.resolved(schema);
        if depth >= MAX_DEPTH {
            return;
        }
        for part in ["allOf", "oneOf", "anyOf"].into_iter().flat_map(|word| self.list(&schema[word])) {
            self.add_fields(before, part, depth, into);
        }
        if schema["items"].is_object() {
            let before = format!("{}[].", before.trim_end_matches('.'));
            self.add_fields(&before, &schema["items"], depth + 1, into);
        }
        let required: Vec<&str> = self.list(&schema["required"]).filter_map(Value::as_str).collect();
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            let resolved = self.resolved(inner);
            let about = [&inner["description"], &resolved["description"]].map(word);
            let about = about.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
            let name_here = format!("{before}{name}");
            if into.iter().any(|field| field.name == name_here) {
                continue;
            }
            into.push(Field {
                name: name_here.clone(),
                kind: self.kind(resolved),
                is_required: required.contains(&name.as_str()),
                about: with_bounds(about, resolved),
            });
            self.add_fields(&format!("{name_here}."), inner, depth + 1, into);
        }
    }

    fn kind(&self, schema: &'d Value) -> String {
        match &schema["type"] {
            Value::String(kind) if kind == "array" => {
                let inner = self.resolved(&schema["items"]);
                format!("list of {}", self.kind(inner))
            }
            Value::String(kind) => kind.clone(),
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
            _ if !schema["const"].is_null() => text(&schema["const"]),
            _ if schema["properties"].is_object() || schema["allOf"].is_array() => "object".to_owned(),
            _ => "any".to_owned(),
        }
    }

    /// What a reference leads to, or the value itself.
    fn resolved(&self, value: &'d Value) -> &'d Value {
        let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        pointer.and_then(|pointer| self.0.pointer(pointer)).unwrap_or(value)
    }

    fn list(&self, value: &'d Value) -> impl Iterator<Item = &'d Value> {
        value.as_array().into_iter().flatten().map(|item| self.resolved(item))
    }
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A description with the values that may stand there.
fn with_bounds(about: String, schema: &Value) -> String {
    let mut told = vec![about.trim_end_matches('.').to_owned()];
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> = values.iter().map(text).collect();
        told.push(format!("One of {}", values.join(", ")));
    }
    let bounds =
        [("minimum", "At least"), ("maximum", "At most"), ("maxItems", "Items at most"), ("default", "Else")];
    for (name, words) in bounds {
        if !schema[name].is_null() && schema[name] != 0 {
            told.push(format!("{words} {}", text(&schema[name])));
        }
    }
    told.retain(|text| !text.is_empty());
    if told.is_empty() { String::new() } else { format!("{}.", told.join(". ")) }
}

/// A value as text, without the marks of JSON around words.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A text and what stands in back ticks in it.
fn pieces(text: &str) -> Vec<Piece> {
    let parts = text.split('`').enumerate().filter(|(_, part)| !part.is_empty());
    parts
        .map(
            |(at, part)| {
                if at % 2 == 1 { Piece::Code(part.to_owned()) } else { Piece::Text(part.to_owned()) }
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r##"{
        "info": {"version": "1.2.3", "description": "Below `/a`.\n\nAnd more."},
        "tags": [{"name": "Signed URLs"}, {"name": "Nobody's"}],
        "paths": {"/a/{id}": {
            "parameters": [{"$ref": "#/components/parameters/Id"}],
            "post": {
                "operationId": "sign", "tags": ["Signed URLs"], "summary": "Signs", "description": "Scope: `urls:sign`.",
                "parameters": [{"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 9, "default": 3}}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Wish"}}}},
                "responses": {
                    "200": {"description": "Done", "content": {"application/json": {"schema": {"allOf": [
                        {"$ref": "#/components/schemas/Envelope"},
                        {"properties": {"result": {"$ref": "#/components/schemas/Signed"}}}]}}}},
                    "default": {"description": "No"}}}}},
        "components": {
            "parameters": {"Id": {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}},
            "schemas": {
                "Envelope": {"type": "object", "properties": {"success": {"type": "boolean"}}},
                "Wish": {"type": "object", "required": ["urls"], "properties": {"urls": {
                    "type": "array", "maxItems": 2, "items": {"$ref": "#/components/schemas/Signed"}}}},
                "Signed": {"type": "object", "description": "One", "properties": {
                    "url": {"type": ["string", "null"], "enum": ["a", "b"]}, "again": {"$ref": "#/components/schemas/Signed"}}}}}}"##;

    fn names(fields: &[Field]) -> Vec<&str> {
        fields.iter().map(|field| field.name.as_str()).collect()
    }

    #[test]
    fn a_document_is_read_into_groups_with_fields_in_one_list() {
        let read = ApiDocument::read(DOCUMENT);
        assert_eq!(
            (read.version.as_str(), read.about.len(), names(&read.envelope)),
            ("1.2.3", 2, vec!["success"])
        );
        assert_eq!(
            read.about[0],
            [Piece::Text("Below ".into()), Piece::Code("/a".into()), Piece::Text(".".into())]
        );
        let [group] = &read.groups[..] else { panic!("a group without operations is left out") };
        assert_eq!((group.anchor.as_str(), group.operations.len()), ("signed-urls", 1));
        let operation = &group.operations[0];
        assert_eq!((operation.method.as_str(), operation.path.as_str()), ("POST", "/a/{id}"));
        assert_eq!(names(&operation.parameters), ["id", "limit"]);
        assert_eq!(operation.parameters[1].about, "At most 9. Else 3.");
        let (media_type, body) = operation.body.as_ref().unwrap();
        assert_eq!(media_type, "application/json");
        assert!(["urls[].url", "urls[].again.url"].iter().all(|name| names(body).contains(name)));
        assert!(body[0].is_required && body[0].kind == "list of object");
        let [answer] = &operation.answers[..] else { panic!("refusals are told once") };
        let url = answer.fields.iter().find(|field| field.name == "url").unwrap();
        assert_eq!((url.kind.as_str(), url.about.as_str()), ("string or null", "One of a, b."));
    }

    #[test]
    fn what_goes_in_circles_ends_and_what_is_no_document_is_empty() {
        let deepest = ApiDocument::read(DOCUMENT).groups[0].operations[0].answers[0].fields.len();
        assert_eq!(deepest, 2 * MAX_DEPTH);
        assert!(ApiDocument::read("no JSON").groups.is_empty());
    }
}
