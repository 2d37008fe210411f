//! `set image`: gives containers another image. Lists of containers are written whole, so the write names the version of
//! the object that they were read from, and is made again from a new read when somebody else was faster.

use super::home::Home;
use crate::{Cluster, Error};
use serde_json::{Map, Value, json};

/// How often a write is tried when others write too.
const ATTEMPTS: usize = 5;

/// Sets the image of each named container; `*` names all of them.
pub async fn set_image(cluster: &Cluster, name: &str, images: &[(String, String)]) -> Result<String, Error> {
    let home = Home::of(&cluster.rollout(name).await?)?;
    for attempt in 1.. {
        let object = cluster.get(&home.kind, &home.name).await?;
        match cluster.merge(&home.kind, &home.name, &patch(&home, &object, images)?).await {
            Err(Error::Refused { code: 409, .. }) if attempt < ATTEMPTS => {}
            Err(error) => return Err(error),
            Ok(()) => break,
        }
    }
    Ok(format!("rollout \"{name}\" image updated"))
}

/// The lists of containers as they should be, for the version that was read.
fn patch(home: &Home, object: &Value, images: &[(String, String)]) -> Result<Value, Error> {
    let mut spec = Map::new();
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        let found = object.pointer(&format!("{}/spec/{list}", home.path)).and_then(Value::as_array);
        if let Some(found) = found {
            spec.insert(list.to_owned(), found.clone().into());
        }
    }
    for (container, image) in images {
        let mut is_found = false;
        for known in spec.values_mut().filter_map(Value::as_array_mut).flatten() {
            let is_it = container == "*" || known.get("name").is_some_and(|name| name == container.as_str());
            if let Some(known) = known.as_object_mut().filter(|_| is_it) {
                known.insert("image".to_owned(), image.as_str().into());
                is_found = true;
            }
        }
        if !is_found {
            return Err(Error::Usage(format!("unable to find container named \"{container}\"")));
        }
    }
    let mut patch = home.patch(spec.into());
    patch.insert("metadata".to_owned(), json!({ "resourceVersion": object.pointer("/metadata/resourceVersion") }));
    Ok(patch.into())
}

#[cfg(test)]
mod tests {
    use super::{Home, patch};
    use crds::kind;
    use serde_json::json;

    #[test]
    fn only_images_change() {
        let object = json!({
            "metadata": { "resourceVersion": "7" },
            "spec": { "template": { "spec": {
                "containers": [{ "name": "app", "image": "a:1", "new": 1 }, { "name": "side", "image": "s:1" }],
                "initContainers": [{ "name": "first", "image": "a:1" }],
                "nodeSelector": { "a": "b" },
            } } },
        });
        let home = Home { kind: kind::ROLLOUT, name: "shop".into(), path: "/spec/template" };
        let set = |images: &[(&str, &str)]| {
            let images: Vec<_> = images.iter().map(|(name, image)| ((*name).to_owned(), (*image).to_owned())).collect();
            patch(&home, &object, &images).map_err(|error| error.to_string())
        };
        let expected = |app: &str, side: &str, first: &str| {
            Ok(json!({
                "metadata": { "resourceVersion": "7" },
                "spec": { "template": { "spec": {
                    "containers": [{ "name": "app", "image": app, "new": 1 }, { "name": "side", "image": side }],
                    "initContainers": [{ "name": "first", "image": first }],
                } } },
            }))
        };
        assert_eq!(set(&[("app", "a:2")]), expected("a:2", "s:1", "a:1"));
        assert_eq!(set(&[("first", "a:2"), ("side", "s:2")]), expected("a:1", "s:2", "a:2"));
        assert_eq!(set(&[("*", "x:1")]), expected("x:1", "x:1", "x:1"));
        assert_eq!(set(&[("no", "x:1")]), Err("unable to find container named \"no\"".to_owned()));
    }
}
