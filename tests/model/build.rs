fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(model)");
    println!("cargo:rustc-cfg=model");
}
