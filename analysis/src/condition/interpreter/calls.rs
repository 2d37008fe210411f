//! Calls of built-in functions, of the functions of the environment, and of methods.

use super::{Evaluated, Halt, Machine};
use crate::condition::{
    access,
    builtins::{self, Builtin, Call},
    limits::Fault,
    methods,
    tree::{Kind, Node},
    types::Signature,
    value::Value,
};

impl<'t> Machine<'t> {
    pub(super) fn builtin(&mut self, builtin: &Builtin, arguments: &'t [Node]) -> Evaluated {
        let arguments = self.all(arguments)?;
        let mut call = Call { arguments: &arguments, meter: &mut self.meter, now: self.now };
        Ok(builtin.call(&mut call)?)
    }

    fn all(&mut self, nodes: &'t [Node]) -> Result<Vec<Value>, Halt> {
        let mut values = Vec::with_capacity(nodes.len());
        for node in nodes {
            values.push(self.value(node)?);
        }
        Ok(values)
    }

    /// A call of what an expression stands for. Arguments are evaluated first.
    pub(super) fn call(&mut self, callee: &'t Node, arguments: &'t [Node]) -> Evaluated {
        let arguments = self.all(arguments)?;
        if let Kind::Member { base, property, optional, .. } = &callee.kind
            && let Kind::Text(name) = &property.kind
        {
            let base = self.value(base)?;
            if *optional && matches!(base, Value::Nil) {
                return Err(Halt::ChainEnded);
            }
            if let Some(signature) = methods::of_value(&base, name) {
                return Ok(methods::call(&base, signature, &arguments, &mut self.meter)?);
            }
            let function = access::fetch(&base, &Value::Text(name.clone()))?;
            return self.call_value(Some(name), &function, &arguments);
        }
        let name = if let Kind::Name(name) = &callee.kind { Some(name.as_str()) } else { None };
        let function = self.value(callee)?;
        self.call_value(name, &function, &arguments)
    }

    fn call_value(&mut self, name: Option<&str>, function: &Value, arguments: &[Value]) -> Evaluated {
        match function {
            Value::Nil => Err(Fault::new("invalid operation: cannot call nil").into()),
            Value::Function(go_type) => {
                let Some(signature) = environment_function(name, go_type) else {
                    return Err(Fault::new(format!("cannot call a bound {go_type}")).into());
                };
                let (found, wanted) = (arguments.len(), signature.parameters.len());
                if found != wanted {
                    let text = format!("invalid number of arguments: expected {wanted}, got {found}");
                    return Err(Fault::new(text).into());
                }
                Ok(builtins::call_environment(signature.name, arguments, self.result, &mut self.meter)?)
            }
            other => {
                let text = format!("invalid operation: cannot call non-function of type {}", other.go_type());
                Err(Fault::new(text).into())
            }
        }
    }
}

/// The function by the name it was called by, or else by what it is: it may be in a variable.
fn environment_function(name: Option<&str>, go_type: &str) -> Option<&'static Signature> {
    name.and_then(builtins::environment_signature)
        .or_else(|| builtins::signatures().iter().find(|signature| signature.go_type == go_type))
}
