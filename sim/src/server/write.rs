//! Writes: create, replace and patch. Each is one move from the stored object to the next, or a refusal.
//!
//! All writes of existing objects end in `State::change`, which keeps what clients may not touch: identity, times,
//! generation, and the half of the object that belongs to the other endpoint.

use crate::server::{
    State,
    admit::{admit, check_typed},
    answer::shown,
    apply::apply,
    call::{Call, Verb},
    dispatch::{parse_json, parse_yaml},
    events,
    fields::FieldSet,
    keep::{
        check_identity, check_namespace, check_patched, check_type, is_gone, keep_endpoint_half, keep_identity,
        keep_own_half, raise_generation,
    },
    kinds::{Generation, Kind},
    managers::{self, Manager},
    object,
    patch::{PatchForm, json_patch, merge_patch},
    refusal::{Cause, Refusal},
    store::Key,
    strategic::strategic_patch,
};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;

/// A written object and the warnings that go with it.
pub(crate) type Written = (Arc<Value>, Vec<String>);

/// A proposed state of an object that is there.
pub(crate) struct Proposal {
    pub(crate) before: Arc<Value>,
    pub(crate) after: Value,
    /// Server-side apply has already said who owns what.
    pub(crate) is_managed: bool,
}

impl State {
    /// The object that a call names.
    pub(crate) fn find(&self, call: &Call, kind: &Kind) -> Result<Arc<Value>, Refusal> {
        let key = key_of(call);
        self.store.get(&kind.shelf(), &key).ok_or_else(|| Refusal::not_found(kind, &key.1))
    }

    /// Creates an object.
    pub(crate) fn create(&mut self, call: &Call, kind: &Kind, mut value: Value) -> Result<Written, Refusal> {
        check_type(kind, &mut value)?;
        if let Some(core) = self.core_events(kind) {
            return self.create(call, &core, events::to_stored(value));
        }
        if !object::version(&value).is_empty() {
            return Err(Refusal::version_on_create());
        }
        object::take(&mut value, &["metadata", "managedFields"]);
        self.create_owned(call, kind, value, None)
    }

    fn create_owned(
        &mut self,
        call: &Call,
        kind: &Kind,
        mut value: Value,
        owners: Option<Value>,
    ) -> Result<Written, Refusal> {
        if call.name.is_some() {
            return Err(Refusal::method_not_allowed());
        }
        self.place(call, kind, &mut value)?;
        self.stamp_new(kind, &mut value);
        let warnings = admit(call, kind, &mut value, None)?;
        match owners {
            Some(owners) => object::put(&mut value, &["metadata", "managedFields"], owners),
            None => managers::track_update(kind, None, &mut value, self.writer(call, kind)),
        }
        let key = (object::namespace(&value).to_owned(), object::name(&value).to_owned());
        if self.store.get(&kind.shelf(), &key).is_some() {
            return Err(Refusal::already_exists(kind, &key.1));
        }
        if call.is_dry_run() {
            return Ok((Arc::new(value), warnings));
        }
        let stored = self.store.put(&kind.shelf(), key, value);
        self.after_write(kind, &stored);
        Ok((stored, warnings))
    }

    /// Replaces an object.
    pub(crate) fn update(&mut self, call: &Call, kind: &Kind, mut value: Value) -> Result<Written, Refusal> {
        check_type(kind, &mut value)?;
        if let Some(core) = self.core_events(kind) {
            return self.update(call, &core, events::to_stored(value));
        }
        let name = call.name.as_deref().unwrap_or_default();
        let named = object::name(&value);
        if named.is_empty() {
            object::put(&mut value, &["metadata", "name"], name.into());
        } else if named != name {
            let why = format!("the name of the object ({named}) does not match the name on the URL ({name})");
            return Err(Refusal::bad_request(why));
        }
        check_namespace(call, &value)?;
        let before = match self.find(call, kind) {
            Ok(before) => before,
            Err(_) if is_made_by_update(kind) && call.subresource.is_none() => {
                let mut creation = call.clone();
                creation.name = None;
                return self.create(&creation, kind, value);
            }
            Err(refusal) => return Err(refusal),
        };
        if kind.custom && object::version(&value).is_empty() {
            return Err(Refusal::unconditional(kind, name));
        }
        self.change(call, kind, Proposal { before, after: value, is_managed: false })
    }

    /// Patches an object; server-side apply may create it.
    pub(crate) fn patch(
        &mut self,
        call: &Call,
        kind: &Kind,
        body: &Bytes,
    ) -> Result<(u16, Arc<Value>, Vec<String>), Refusal> {
        let form = PatchForm::of(call.media_type(), kind.custom)?;
        if form == PatchForm::Apply {
            return self.apply(call, kind, parse_yaml(body)?);
        }
        let before = self.find(call, kind)?;
        let mut after = shown(kind, &before).into_owned();
        match form {
            PatchForm::Json => after = json_patch(&after, parse_json(body)?)?,
            PatchForm::Strategic => strategic_patch(kind, &mut after, &parse_json(body)?)?,
            PatchForm::Merge | PatchForm::Apply => merge_patch(&mut after, parse_json(body)?),
        }
        check_patched(call, kind, &after)?;
        let core = self.core_events(kind);
        let (kind, after) = match &core {
            Some(core) => (core.as_ref(), events::to_stored(after)),
            None => (kind, after),
        };
        let (object, warnings) = self.change(call, kind, Proposal { before, after, is_managed: false })?;
        Ok((200, object, warnings))
    }

    /// The kind that stores the events of the newer group.
    fn core_events(&self, kind: &Kind) -> Option<Arc<Kind>> {
        self.kinds.of_path("", "v1", "events").filter(|_| events::is_newer(kind))
    }

    /// Server-side apply, which creates what is not there.
    fn apply(
        &mut self,
        call: &Call,
        kind: &Kind,
        mut config: Value,
    ) -> Result<(u16, Arc<Value>, Vec<String>), Refusal> {
        if call.option("fieldManager").is_none() {
            let cause = Cause::required("fieldManager", "is required for apply patch");
            return Err(Refusal::invalid_options("PatchOptions", cause));
        }
        if object::text(&config, &["apiVersion"]).is_empty() {
            let why = format!("invalid object type: /, Kind={}", object::text(&config, &["kind"]));
            return Err(Refusal::bad_request(why));
        }
        check_type(kind, &mut config)?;
        check_namespace(call, &config)?;
        check_typed(kind, &config)?;
        let key = key_of(call);
        object::put_default(&mut config, &["metadata", "name"], key.1.as_str().into());
        if object::name(&config) != key.1 {
            let why = format!(
                "the name of the object ({}) does not match the name on the URL ({})",
                object::name(&config),
                key.1
            );
            return Err(Refusal::bad_request(why));
        }
        keep_endpoint_half(call, kind, &mut config);
        let writer = Manager { applies: true, ..self.writer(call, kind) };
        let live = self.store.get(&kind.shelf(), &key);
        let mut after = apply(kind, live.as_deref(), &config, writer, call.is_set("force"))?;
        let Some(before) = live else {
            if call.subresource.is_some() {
                return Err(Refusal::not_found(kind, &key.1));
            }
            let owners = object::take(&mut after, &["metadata", "managedFields"]);
            let mut creation = call.clone();
            creation.name = None;
            let (object, warnings) = self.create_owned(&creation, kind, after, owners)?;
            return Ok((201, object, warnings));
        };
        let (object, warnings) = self.change(call, kind, Proposal { before, after, is_managed: true })?;
        Ok((200, object, warnings))
    }

    fn writer(&self, call: &Call, kind: &Kind) -> Manager {
        Manager {
            name: call.manager().to_owned(),
            applies: false,
            api_version: kind.api_version(),
            subresource: call.subresource.clone().unwrap_or_default(),
            time: self.clock.stamp(),
            fields: FieldSet::default(),
        }
    }

    /// Moves an object to a proposed state.
    pub(crate) fn change(&mut self, call: &Call, kind: &Kind, proposal: Proposal) -> Result<Written, Refusal> {
        let Proposal { before, mut after, is_managed } = proposal;
        let name = object::name(&before).to_owned();
        check_identity(call, kind, &name, &before, &after)?;
        keep_own_half(call, kind, &before, &mut after);
        keep_identity(&before, &mut after);
        let warnings = admit(call, kind, &mut after, Some(&before))?;
        raise_generation(kind, &before, &mut after);
        if !is_managed {
            managers::track_update(kind, Some(&before), &mut after, self.writer(call, kind));
        }
        if object::same_content(&before, &after) && managers::same(&before, &after) {
            return Ok((before, warnings));
        }
        if call.is_dry_run() {
            return Ok((Arc::new(after), warnings));
        }
        let key = (object::namespace(&before).to_owned(), name);
        if is_gone(&after) {
            self.finish_removal(kind, &key, after.clone());
            return Ok((Arc::new(after), warnings));
        }
        let stored = self.store.put(&kind.shelf(), key, after);
        self.after_write(kind, &stored);
        Ok((stored, warnings))
    }

    /// Creates a document of a YAML text, or merges it into what is there.
    pub(crate) fn put_document(&mut self, document: Value, home: &str) -> Result<Written, Refusal> {
        let (api_version, name) = (object::text(&document, &["apiVersion"]), object::text(&document, &["kind"]));
        let kind = self.kinds.of_object(api_version, name).ok_or_else(|| no_kind(api_version, name))?;
        let mut call = Call::internal(Verb::Create, &kind);
        if kind.namespaced {
            let namespace = object::namespace(&document);
            call.namespace = Some(if namespace.is_empty() { home } else { namespace }.to_owned());
        }
        let named = object::name(&document).to_owned();
        let key = (call.namespace.clone().unwrap_or_default(), named.clone());
        let Some(before) = self.store.get(&kind.shelf(), &key) else {
            return self.create(&call, &kind, document);
        };
        call.verb = Verb::Patch;
        call.name = Some(named);
        let mut after = Value::clone(&before);
        merge_patch(&mut after, document);
        self.change(&call, &kind, Proposal { before, after, is_managed: false })
    }

    /// Puts a document in as another server stored it: with its identity, its owners and its status.
    pub(crate) fn restore_document(&mut self, document: Value) -> Result<(), Refusal> {
        let (api_version, name) = (object::text(&document, &["apiVersion"]), object::text(&document, &["kind"]));
        let kind = self.kinds.of_object(api_version, name).ok_or_else(|| no_kind(api_version, name))?;
        let key = (object::namespace(&document).to_owned(), object::name(&document).to_owned());
        self.store.put(&kind.shelf(), key, document);
        Ok(())
    }

    fn place(&mut self, call: &Call, kind: &Kind, value: &mut Value) -> Result<(), Refusal> {
        check_namespace(call, value)?;
        if let Some(namespace) = call.namespace.as_deref().filter(|_| kind.namespaced) {
            object::put(value, &["metadata", "namespace"], namespace.into());
            let Some(home) = self.store.get("namespaces", &(String::new(), namespace.to_owned())) else {
                let namespaces = self.kinds.of_path("", "v1", "namespaces").unwrap_or_default();
                return Err(Refusal::not_found(&namespaces, namespace));
            };
            if object::is_deleting(&home) {
                return Err(Refusal::terminating(kind, object::name(value), namespace));
            }
        }
        let prefix = object::text(value, &["metadata", "generateName"]).to_owned();
        if object::name(value).is_empty() && !prefix.is_empty() {
            let name = self.name(&prefix);
            object::put(value, &["metadata", "name"], name.into());
        }
        Ok(())
    }

    fn stamp_new(&mut self, kind: &Kind, value: &mut Value) {
        let (uid, stamp) = (self.uid(&kind.plural), self.clock.stamp());
        let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) else { return };
        for key in ["resourceVersion", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] {
            metadata.remove(key);
        }
        metadata.insert("uid".to_owned(), uid.into());
        metadata.insert("creationTimestamp".to_owned(), stamp.as_str().into());
        if kind.generation != Generation::Never {
            metadata.insert("generation".to_owned(), 1.into());
        }
        if kind.has_status
            && let Some(fields) = value.as_object_mut()
        {
            fields.remove("status");
        }
        if kind.is("", "namespaces") {
            let name = object::name(value).to_owned();
            object::put(value, &["metadata", "labels", "kubernetes.io/metadata.name"], name.into());
            object::put(value, &["spec", "finalizers"], json!(["kubernetes"]));
            object::put(value, &["status", "phase"], "Active".into());
        }
        if kind.is("apiextensions.k8s.io", "customresourcedefinitions") {
            crate::server::crd::establish(value, &stamp);
        }
    }

    /// What the server itself derives from a stored object.
    fn after_write(&mut self, kind: &Kind, stored: &Arc<Value>) {
        if kind.is("apiextensions.k8s.io", "customresourcedefinitions") {
            self.kinds.install(stored);
        }
        self.collect_ownerless(kind, stored);
    }
}

/// Some built-in kinds come into being when they are replaced.
fn is_made_by_update(kind: &Kind) -> bool {
    !kind.custom
        && (matches!(kind.plural.as_str(), "endpoints" | "events" | "leases" | "services")
            || kind.group == "rbac.authorization.k8s.io")
}

/// Where the object of a call is kept.
pub(crate) fn key_of(call: &Call) -> Key {
    (call.namespace.clone().unwrap_or_default(), call.name.clone().unwrap_or_default())
}

fn no_kind(api_version: &str, name: &str) -> Refusal {
    Refusal::bad_request(format!("no matches for kind \"{name}\" in version \"{api_version}\""))
}
