//! Turns a compiled wasm module into an ES module with TypeScript types: `xtask-bindgen <input.wasm> <out-dir> <out-name>`.
//!
//! It is `wasm-bindgen --target web --remove-name-section --remove-producers-section` without `cargo install`: the
//! library has, by construction, the version of `wasm-bindgen` that the module was compiled with. Module and glue then call what they
//! share by short names.

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, out_dir, out_name] = arguments.as_slice() else {
        eprintln!("usage: xtask-bindgen <input.wasm> <out-dir> <out-name>");
        return ExitCode::from(2);
    };
    match generate(input, out_dir, out_name) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask-bindgen: {input}: {message}");
            ExitCode::FAILURE
        }
    }
}

fn generate(input: &str, out_dir: &str, out_name: &str) -> Result<(), String> {
    let mut bindgen = Bindgen::new();
    bindgen.web(true).map_err(|error| format!("{error:#}"))?;
    let mut output = bindgen
        .input_path(input)
        .out_name(out_name)
        .typescript(true)
        .omit_default_module_path(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate_output()
        .map_err(|error| format!("{error:#}"))?;
    // What the module imports has names of forty characters, twenty of them a hash: in module and glue 4 KB that no compression takes away.
    let mut short = HashMap::from([(format!("./{out_name}_bg.js"), "g".to_owned())]);
    let mut own = Vec::new();
    for (index, import) in output.wasm_mut().imports.iter_mut().enumerate() {
        let name = format!("i{index}");
        if short.contains_key(&import.module) {
            short.insert(std::mem::replace(&mut import.name, name.clone()), name);
            import.module = "g".to_owned();
        } else {
            let from = std::mem::replace(&mut import.module, "g".to_owned());
            own.push(Own { from, name: std::mem::replace(&mut import.name, name.clone()), short: name });
        }
    }
    // The glue asks neither.
    for global in ["__abort_handler", "__instance_terminated"] {
        output.wasm_mut().exports.remove(global).map_err(|error| format!("{error:#}"))?;
    }
    // The same for what the module exports, which the glue calls by way of `wasm`.
    let mut exports = Vec::new();
    for (index, export) in output.wasm_mut().exports.iter_mut().enumerate() {
        // These two are objects, of which the glue calls the parts.
        if !matches!(export.name.as_str(), "memory" | "__wbindgen_externrefs") {
            let name = format!("e{index}");
            short.insert(format!("wasm.{}", export.name), format!("wasm.{name}"));
            exports.push((std::mem::replace(&mut export.name, name.clone()), name));
        }
    }
    output.emit(out_dir).map_err(|error| format!("{error:#}"))?;
    // It repeats the dependencies of a crate that brings JavaScript along, and hides from Node that the files are ES modules.
    let package = Path::new(out_dir).join("package.json");
    if package.exists() {
        std::fs::remove_file(&package).map_err(|error| format!("{}: {error}", package.display()))?;
    }
    let glue = Path::new(out_dir).join(format!("{out_name}.js"));
    let failed = |error: std::io::Error| format!("{}: {error}", glue.display());
    let text = std::fs::read_to_string(&glue).map_err(failed)?;
    let text = with_own(&renamed(&text, &short), &own)?;
    std::fs::write(&glue, quick_texts(&text)?).map_err(failed)?;
    for types in [format!("{out_name}.d.ts"), format!("{out_name}_bg.wasm.d.ts")] {
        let types = Path::new(out_dir).join(types);
        let typed = |text: String| {
            exports.iter().fold(text, |text, (name, short)| {
                let declared = |keyword: &str, name: &str| format!("{keyword} {name}:");
                let text = text.replace(&declared("readonly", name), &declared("readonly", short));
                text.replace(&declared("export const", name), &declared("export const", short))
            })
        };
        let text = std::fs::read_to_string(&types).map(typed);
        text.and_then(|text| std::fs::write(&types, text))
            .map_err(|error| format!("{}: {error}", types.display()))?;
    }
    Ok(())
}

/// What the module imports from a crate's own JavaScript as it is.
struct Own {
    from: String,
    name: String,
    short: String,
}

/// The glue hands each module of such JavaScript over as a whole, once for each import. Here it names what is imported, with the rest.
fn with_own(glue: &str, own: &[Own]) -> Result<String, String> {
    let mut glue = glue.to_owned();
    for (place, Own { from, name, short }) in own.iter().enumerate() {
        let place = place + 1;
        let module = format!("import * as import{place} from \"{from}\"");
        let given = format!("        \"{from}\": import{place},\n");
        let first = "    const import0 = {\n";
        if ![&module, &given, first].iter().all(|part| glue.contains(*part)) {
            return Err(format!("the glue does not import `{name}` as it used to"));
        }
        glue = glue.replace(&module, &format!("import {{ {name} as import{place} }} from \"{from}\""));
        glue = glue.replace(&given, "").replace(first, &format!("{first}        {short}: import{place},\n"));
    }
    Ok(glue)
}

/// The glue looks at a text character by character as long as it is ASCII. One that is longer and nothing else is taken over at once.
fn quick_texts(glue: &str) -> Result<String, String> {
    let [before, behind] = glue.split(BY_CHARACTER).collect::<Vec<_>>()[..] else {
        return Err("the glue does not take texts over as it used to".to_owned());
    };
    Ok([before, BY_CHARACTER, AT_ONCE, behind].concat())
}

/// Where the glue begins with a text of `len` characters, for which it has made room for as many bytes.
const BY_CHARACTER: &str = "let offset = 0;";

/// All of it was read into that room: so each character is one byte.
const AT_ONCE: &str = "
    if (len > 99 && cachedTextEncoder.encodeInto(arg, mem.subarray(ptr, ptr + len)).read === len) offset = len;";

/// The text with the words that have a short name replaced by it.
fn renamed(text: &str, short: &HashMap<String, String>) -> String {
    let in_word = |byte: char| byte.is_ascii_alphanumeric() || matches!(byte, '_' | '$' | '.' | '/');
    let mut rest = text;
    let mut new = String::with_capacity(text.len());
    while !rest.is_empty() {
        let word = rest.find(|byte| !in_word(byte)).unwrap_or(rest.len());
        let (word, next) = rest.split_at(word);
        new.push_str(short.get(word).map_or(word, String::as_str));
        let between = next.find(in_word).unwrap_or(next.len());
        new.push_str(&next[..between]);
        rest = &next[between..];
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glue_that_takes_texts_over_in_another_way_is_refused() {
        assert!(quick_texts("let offset = 0; for (;;) {}").unwrap().contains("encodeInto"));
        assert!(quick_texts("").is_err() && quick_texts("let offset = 0; let offset = 0;").is_err());
    }

    #[test]
    fn what_a_crate_brings_along_is_imported_by_its_name() {
        let own = [Own { from: "./a.js".into(), name: "timer".into(), short: "i7".into() }];
        let glue = "import * as import1 from \"./a.js\"\n    const import0 = {\n    };\n        \"./a.js\": import1,\n";
        let named = "import { timer as import1 } from \"./a.js\"\n    const import0 = {\n        i7: import1,\n    };\n";
        assert_eq!(with_own(glue, &own).unwrap(), named);
        assert!(with_own("const import0 = {\n", &own).is_err_and(|message| message.contains("timer")));
    }

    #[test]
    fn only_whole_words_are_renamed() {
        let short = HashMap::from([("./x_bg.js".into(), "glue".into()), ("__wbg_new_1".into(), "i0".into())]);
        let text = "__wbg_new_1: () => wasm.__wbg_new_1x(__wbg_new_1), \"./x_bg.js\": é";
        assert_eq!(renamed(text, &short), "i0: () => wasm.__wbg_new_1x(i0), \"glue\": é");
    }
}
