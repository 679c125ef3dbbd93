//! The OpenAPI document of this door. It is written by hand in `openapi.json`, beside the code: the routes come out of
//! tables, not out of handlers that a macro could read. The tests here hold it against those tables and the fields of
//! bodies, both ways.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header;
use catalog::AccountPolicy;
use serde_json::{Map, Value, json};

/// Where the settings of an account stand in it.
const SETTINGS: &str = "/components/schemas/SettingsChange/properties";

/// The document as JSON (OpenAPI 3.1): every route below `/client/v4` and `/api/v1` with its bodies and answers.
pub fn openapi() -> &'static str {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| format!("{:#}", document()));
    &DOCUMENT
}

/// `GET /api/openapi.json`: for everybody, as it tells of no account.
pub(crate) fn answer() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(openapi())
}

/// The written part, with what the program knows best itself: its version, and the settings of accounts.
fn document() -> Value {
    let mut document: Value = serde_json::from_str(include_str!("../openapi.json")).unwrap_or_default();
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    let settings: Map<String, Value> = AccountPolicy::SETTINGS
        .iter()
        .map(|(name, takes)| {
            let kinds = ["string", "number", "boolean", "array"];
            let setting = json!({"type": kinds, "items": {"type": "string"}, "description": takes});
            ((*name).to_owned(), setting)
        })
        .collect();
    if let Some(place) = document.pointer_mut(SETTINGS) {
        *place = settings.into();
    }
    document
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use catalog::Scope;

    use super::*;
    use crate::own_routes::{BELOW, ROUTES};
    use crate::routes::tests::every_resource;
    use crate::{all_keys, explain, fields, logs, own_images, schemes, sign};

    /// Path and method of an operation.
    type Place = (String, String);

    /// What needs no scope.
    const OPEN: [&str; 2] = ["/client/v4/accounts", "/client/v4/user/tokens/verify"];

    /// Whether an operation is one in storage's form: it takes no token.
    fn is_storage(place: &Place) -> bool {
        place.0.starts_with(signing::StorageAddress::MOUNT)
    }

    /// Every operation of the document.
    fn operations() -> BTreeMap<Place, Value> {
        let document = document();
        let paths = document["paths"].as_object().unwrap();
        let of_path = |(path, operations): (&String, &Value)| {
            let operations = operations.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters");
            let path = path.clone();
            operations
                .map(move |(method, operation)| ((path.clone(), method.to_uppercase()), operation.clone()))
                .collect::<Vec<_>>()
        };
        paths.iter().flat_map(of_path).collect()
    }

    /// Every operation of the tables, with its scopes.
    fn routes() -> BTreeMap<Place, Vec<Scope>> {
        let own = ROUTES.iter().map(|(path, method, scopes, _)| {
            ((format!("{BELOW}{path}"), (*method).to_owned()), scopes.to_vec())
        });
        let open = OPEN.iter().map(|path| (((*path).to_owned(), "GET".to_owned()), Vec::new()));
        let of_contract = every_resource().into_iter().flat_map(|(path, resource)| {
            let methods = resource.methods();
            methods.into_iter().map(move |method| {
                let scopes = resource.needs(method).unwrap_or_default().to_vec();
                ((format!("/client/v4/accounts/{{account_id}}/images{path}"), method.to_owned()), scopes)
            })
        });
        own.chain(open).chain(of_contract).collect()
    }

    #[test]
    fn every_route_and_method_is_in_the_document_and_no_other() {
        let (mut written, there) = (operations(), routes());
        let of_storage: Vec<Place> =
            written.extract_if(.., |place, _| is_storage(place)).map(|(place, _)| place).collect();
        let (image, account) = ("/storage/{account}/{image_id}", "/storage/{account}");
        let answered = [(account, "POST"), (image, "GET"), (image, "HEAD"), (image, "PUT")];
        assert_eq!(of_storage, answered.map(|(path, method)| (path.to_owned(), method.to_owned())));
        assert_eq!(written.keys().collect::<Vec<_>>(), there.keys().collect::<Vec<_>>());
        let word = |scope: &Scope| {
            Scope::ALL.iter().find(|(other, _)| other == scope).map(|(_, word)| format!("`{word}`")).unwrap()
        };
        for (place, scopes) in there {
            let told = match scopes.is_empty() {
                true => "Any token.".to_owned(),
                false => format!("Scope: {}.", scopes.iter().map(word).collect::<Vec<_>>().join(" or ")),
            };
            let description = written[&place]["description"].as_str().unwrap();
            assert!(description.ends_with(&told), "{place:?}: {description} should end with {told}");
        }
    }

    #[test]
    fn every_operation_is_whole_and_every_reference_leads_somewhere() {
        let document = document();
        let mut ids = BTreeSet::new();
        for (place, operation) in operations() {
            assert!(ids.insert(operation["operationId"].to_string()), "{place:?}");
            assert!(
                operation["summary"].is_string() && operation["responses"]["200"].is_object(),
                "{place:?}"
            );
            let failure = if is_storage(&place) { "StorageFailure" } else { "Failure" };
            let told = operation["responses"]["default"]["$ref"].as_str();
            assert_eq!(told, Some(&*format!("#/components/responses/{failure}")), "{place:?}");
            assert_eq!(operation["security"].is_array(), is_storage(&place), "{place:?}");
            let names = place.0.split(['{', '}']).skip(1).step_by(2).count();
            let parameters = document["paths"][&place.0]["parameters"].as_array().map_or(0, Vec::len);
            assert_eq!(parameters, names, "{place:?}");
        }
        let mut wanted = BTreeSet::new();
        references(&document, &mut wanted);
        for reference in &wanted {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            assert!(wanted.contains(&format!("#/components/schemas/{name}")), "nobody names {name}");
        }
    }

    fn references(value: &Value, into: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                into.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|field| references(field, into));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, into)),
            _ => {}
        }
    }

    /// The names that a body takes, as its refusal of an unknown one tells them.
    fn fields_of<T: serde::de::DeserializeOwned>() -> BTreeSet<String> {
        let unknown = json!({"no such field": 1});
        let Err(failure) = fields::read::<T>(unknown.as_object().cloned().unwrap()) else {
            panic!("refused")
        };
        let told = failure.message().split("expected").nth(1).unwrap().to_owned();
        told.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    fn properties(schema: &str) -> BTreeSet<String> {
        let document = document();
        let properties = &document["components"]["schemas"][schema]["properties"];
        properties.as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn every_field_of_a_body_and_of_a_query_is_in_the_document_and_no_other() {
        assert_eq!(properties("SignRequest"), fields_of::<sign::Wish>());
        let mut many = properties("SignManyRequest");
        assert!(many.remove("urls") && many == fields_of::<sign::Wish>());
        assert_eq!(properties("NarrowRequest"), fields_of::<sign::Narrowing>());
        let mut many = properties("NarrowManyRequest");
        assert!(many.remove("urls") && many == fields_of::<sign::Narrowing>());
        assert_eq!(properties("ExplainRequest"), fields_of::<explain::Asked>());
        assert_eq!(properties("SchemeChange"), fields_of::<schemes::Change>());
        assert_eq!(properties("OwnImageChange"), fields_of::<own_images::Change>());
        assert_eq!(properties("NewKey"), fields_of::<all_keys::NewKey>());
        assert_eq!(properties("Retirement"), fields_of::<all_keys::Retirement>());
        assert_eq!(properties("KeyRotation"), fields_of::<all_keys::Turn>());
        let settings: BTreeSet<String> =
            AccountPolicy::SETTINGS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(properties("SettingsChange"), settings);
        let query = |path: &str| -> BTreeSet<String> {
            let operation = &operations()[&(format!("{BELOW}{path}"), "GET".to_owned())];
            let names = operation["parameters"].as_array().unwrap().iter();
            names.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(query("/fetches"), fields_of::<logs::FetchesAsked>());
        assert_eq!(query("/audit"), fields_of::<logs::AuditAsked>());
        assert_eq!(query("/schemes/{name}/report"), fields_of::<schemes::ReportAsked>());
    }
}
