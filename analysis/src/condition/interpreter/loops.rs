//! The functions that run a predicate for each element.

use std::{collections::BTreeMap, sync::Arc};

use super::{Evaluated, Halt, Machine, Scope};
use crate::condition::{
    compare,
    limits::Fault,
    tree::{Loop, Node},
    value::{Key, ListKind, MapKind, Value},
};

impl<'t> Machine<'t> {
    pub(super) fn run_loop(
        &mut self,
        name: Loop,
        list: &'t Node,
        predicate: Option<&'t Node>,
        extra: Option<&'t Node>,
    ) -> Evaluated {
        let list = self.value(list)?;
        let items = self.items(&list)?;
        self.scopes.push(Scope { items, index: 0, accumulator: Value::Nil });
        let found = match name {
            Loop::All => self.position(predicate, false, false).map(|at| Value::Bool(at.is_none())),
            Loop::None => self.position(predicate, true, false).map(|at| Value::Bool(at.is_none())),
            Loop::Any => self.position(predicate, true, false).map(|at| Value::Bool(at.is_some())),
            Loop::One => self.count(predicate).map(|count| Value::Bool(count == 1)),
            Loop::Count => self.count(predicate).map(Value::size),
            Loop::Find => self.position(predicate, true, false).map(|at| self.at(at)),
            Loop::FindLast => self.position(predicate, true, true).map(|at| self.at(at)),
            Loop::FindIndex => self.position(predicate, true, false).map(|at| at.map_or(Value::Nil, Value::size)),
            Loop::FindLastIndex => self.position(predicate, true, true).map(|at| at.map_or(Value::Nil, Value::size)),
            Loop::Filter => self.filter(predicate),
            Loop::Map => self.collect(predicate),
            Loop::Sum => self.sum(predicate),
            Loop::GroupBy => self.group(predicate),
            Loop::SortBy => self.sort(predicate, extra),
            Loop::Reduce => self.reduce(predicate, extra),
        };
        self.scopes.pop();
        found
    }

    fn items(&mut self, list: &Value) -> Result<Arc<Vec<Value>>, Halt> {
        if let Value::List(list) = list {
            return Ok(list.shared());
        }
        if let Some(items) = compare::elements(list, &mut self.meter)? {
            return Ok(Arc::new(items));
        }
        let (asked, kind) = match list {
            Value::Text(text) => {
                self.meter.steps(text.len())?;
                return Ok(Arc::new(text.bytes().map(|byte| Value::Int(i64::from(byte))).collect()));
            }
            Value::Map(map) if map.entries().is_empty() => return Ok(Arc::new(Vec::new())),
            Value::Map(_) => ("Index", "map"),
            Value::Nil => ("Len", "zero"),
            other => ("Len", other.go_kind()),
        };
        Err(Fault::new(format!("reflect: call of reflect.Value.{asked} on {kind} Value")).into())
    }

    fn length(&self) -> usize {
        self.scopes.last().map_or(0, |scope| scope.items.len())
    }

    fn at(&self, index: Option<usize>) -> Value {
        let item = self.scopes.last().zip(index).and_then(|(scope, index)| scope.items.get(index));
        item.cloned().unwrap_or(Value::Nil)
    }

    /// What the predicate says of one element, or the element itself if there is no predicate.
    fn of_element(&mut self, predicate: Option<&'t Node>, index: usize) -> Evaluated {
        self.meter.steps(1)?;
        if let Some(scope) = self.scopes.last_mut() {
            scope.index = index;
        }
        match predicate {
            Some(predicate) => self.value(predicate),
            None => Ok(self.at(Some(index))),
        }
    }

    /// The first or last element of which the predicate says `wanted`.
    fn position(&mut self, predicate: Option<&'t Node>, wanted: bool, backwards: bool) -> Result<Option<usize>, Halt> {
        let length = self.length();
        for step in 0..length {
            let index = if backwards { length - 1 - step } else { step };
            if self.of_element(predicate, index)?.truth()? == wanted {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn count(&mut self, predicate: Option<&'t Node>) -> Result<usize, Halt> {
        let mut count = 0;
        for index in 0..self.length() {
            count += usize::from(self.of_element(predicate, index)?.truth()?);
        }
        Ok(count)
    }

    fn filter(&mut self, predicate: Option<&'t Node>) -> Evaluated {
        let mut kept = Vec::new();
        for index in 0..self.length() {
            if self.of_element(predicate, index)?.truth()? {
                kept.push(self.at(Some(index)));
            }
        }
        self.meter.elements(kept.len())?;
        Ok(Value::list(ListKind::Any, kept)?)
    }

    fn collect(&mut self, predicate: Option<&'t Node>) -> Evaluated {
        let length = self.length();
        self.meter.elements(length)?;
        let mut made = Vec::with_capacity(length);
        for index in 0..length {
            made.push(self.of_element(predicate, index)?);
        }
        Ok(Value::list(ListKind::Any, made)?)
    }

    fn sum(&mut self, predicate: Option<&'t Node>) -> Evaluated {
        let mut total = Value::Int(0);
        for index in 0..self.length() {
            let value = self.of_element(predicate, index)?;
            total = super::operators::add(&value, &total, &mut self.meter)?;
        }
        Ok(total)
    }

    fn group(&mut self, predicate: Option<&'t Node>) -> Evaluated {
        let mut groups: BTreeMap<Key, Vec<Value>> = BTreeMap::new();
        let length = self.length();
        self.meter.elements(length)?;
        for index in 0..length {
            let key = Key::of(&self.of_element(predicate, index)?)?;
            groups.entry(key).or_default().push(self.at(Some(index)));
        }
        let entries: Result<_, Fault> =
            groups.into_iter().map(|(key, items)| Ok((key, Value::list(ListKind::Any, items)?))).collect();
        Ok(Value::map(MapKind::Groups, entries?)?)
    }

    fn sort(&mut self, predicate: Option<&'t Node>, order: Option<&'t Node>) -> Evaluated {
        let descending = match order {
            None => false,
            Some(order) => match self.value(order)? {
                Value::Text(order) if order.as_ref() == "asc" => false,
                Value::Text(order) if order.as_ref() == "desc" => true,
                Value::Text(_) => return Err(Fault::new("unknown order, use asc or desc").into()),
                _ => return Err(Fault::new("sortBy order argument must be a string").into()),
            },
        };
        let length = self.length();
        self.meter.elements(length)?;
        let mut pairs = Vec::with_capacity(length);
        for index in 0..length {
            let rank = self.of_element(predicate, index)?;
            pairs.push((rank, self.at(Some(index))));
        }
        Ok(Value::list(ListKind::Any, compare::sorted(pairs, descending, &mut self.meter)?)?)
    }

    fn reduce(&mut self, predicate: Option<&'t Node>, start: Option<&'t Node>) -> Evaluated {
        let (mut accumulator, first) = match start {
            Some(start) => (self.value(start)?, 0),
            None if self.length() == 0 => {
                return Err(Fault::new("reduce of empty array with no initial value").into());
            }
            None => (self.at(Some(0)), 1),
        };
        for index in first..self.length() {
            if let Some(scope) = self.scopes.last_mut() {
                scope.accumulator = accumulator;
            }
            accumulator = self.of_element(predicate, index)?;
        }
        Ok(accumulator)
    }
}
