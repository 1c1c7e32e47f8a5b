//! The scope as the first two binds of a statement.

use domain::access::ClientScope;

use crate::value::Value;

/// `1` and an empty list for all clients, `0` and a JSON list of ids otherwise.
pub(crate) fn scope_binds(scope: &ClientScope) -> [Value; 2] {
    match scope.clients() {
        None => [Value::Int(1), Value::Text("[]".to_owned())],
        Some(clients) => {
            let mut list = String::with_capacity(2 + clients.len() * 33);
            list.push('[');
            for (at, client) in clients.iter().enumerate() {
                if at > 0 {
                    list.push(',');
                }
                list.push('"');
                list.push_str(&client.to_string());
                list.push('"');
            }
            list.push(']');
            [Value::Int(0), Value::Text(list)]
        }
    }
}
