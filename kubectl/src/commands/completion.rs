//! `completion`: a script that teaches a shell the plugin's commands and flags.

use crate::arguments::{Arguments, Shell};
use clap::CommandFactory;
use clap_complete::shells;

/// The script for a shell.
pub fn completion(program: &str, shell: Shell) -> Vec<u8> {
    let mut command = Arguments::command();
    let mut script = Vec::new();
    let out = &mut script;
    match shell {
        Shell::Bash => clap_complete::generate(shells::Bash, &mut command, program, out),
        Shell::Zsh => clap_complete::generate(shells::Zsh, &mut command, program, out),
        Shell::Fish => clap_complete::generate(shells::Fish, &mut command, program, out),
        Shell::Powershell => clap_complete::generate(shells::PowerShell, &mut command, program, out),
    }
    script
}
