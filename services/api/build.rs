//! Compiles every file under `proto/`, without `protoc`, into messages, clients, servers and a module for each package.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    let protos = Path::new("../../proto");
    println!("cargo::rerun-if-changed={}", protos.display());

    let mut compiler = protox::Compiler::new([protos])?;
    compiler.include_imports(true).include_source_info(true).open_files(files_under(protos)?)?;

    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;
    // A message knows its full name, so that whoever shows any message finds its description.
    let mut names = tonic_prost_build::Config::new();
    names.enable_type_names();
    tonic_prost_build::configure()
        .include_file("packages.rs")
        // Clients and servers bring `allow` attributes of their own, without a reason.
        .client_mod_attribute(".", r#"#[expect(clippy::allow_attributes_without_reason, reason = "generated")]"#)
        .server_mod_attribute(".", r#"#[expect(clippy::allow_attributes_without_reason, reason = "generated")]"#)
        .server_mod_attribute(".", r#"#[expect(clippy::allow_attributes, reason = "generated")]"#)
        .compile_fds_with_config(compiler.file_descriptor_set(), names)?;
    Ok(())
}

/// Every `.proto` file under `directory`, in one order on every machine.
fn files_under(directory: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_under(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
