//! Runs commands on this device: one thread, no shell, limits kept.
//!
//! Output is read while the program runs, so that a full pipe never stops it. When the limit of time
//! or output is passed, the program itself is killed, and only it. A program that ended is not waited
//! for any longer even when a child of it keeps the pipe open.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::command::{Command, Finished, RunError, Runner};

/// How often the end of a program is looked for where the kernel cannot signal it.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The runner that really starts programs.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemRunner;

impl Runner for SystemRunner {
    fn run(&self, command: &Command) -> Result<Finished, RunError> {
        let start = |source| RunError::Start {
            program: command.program.display().to_string(),
            source,
        };
        if !command.program.is_absolute() {
            return Err(start(std::io::Error::new(
                ErrorKind::InvalidInput,
                "the path of a program must be absolute",
            )));
        }
        let mut child = std::process::Command::new(&command.program)
            .args(&command.args)
            .env_clear()
            .envs(command.environment.iter().map(|(k, v)| (k, v)))
            .current_dir(command.directory.as_deref().unwrap_or("/".as_ref()))
            .stdin(match command.input {
                Some(_) => Stdio::piped(),
                None => Stdio::null(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(start)?;
        let talked = talk(&mut child, command);
        if talked.is_err() {
            // The program is ours and was not reaped yet, so its id cannot be another's.
            let _ = child.kill();
        }
        let status = child.wait().map_err(|source| RunError::Talk {
            command: command.shown(),
            source,
        })?;
        let (stdout, stderr) = talked?;
        Ok(Finished {
            code: status.code(),
            stdout,
            stderr,
        })
    }
}

struct Talk<'a> {
    command: &'a Command,
    input: Option<(std::process::ChildStdin, &'a [u8])>,
    stdout: Option<std::process::ChildStdout>,
    stderr: Option<std::process::ChildStderr>,
    out: Vec<u8>,
    err: Vec<u8>,
}

fn talk(child: &mut Child, command: &Command) -> Result<(Vec<u8>, Vec<u8>), RunError> {
    let started = Instant::now();
    let ended = pidfd(child);
    let mut talk = Talk {
        command,
        input: child.stdin.take().zip(command.input.as_deref()),
        stdout: child.stdout.take(),
        stderr: child.stderr.take(),
        out: Vec::new(),
        err: Vec::new(),
    };
    talk.no_blocking().map_err(|source| talk.error(source))?;
    loop {
        let over = match &ended {
            Some(fd) => is_ready(fd.as_fd()).map_err(|source| talk.error(source))?,
            None => child
                .try_wait()
                .map_err(|source| talk.error(source))?
                .is_some(),
        };
        // What is in the pipes is read after the end was seen, so that nothing of it is lost.
        talk.move_bytes()?;
        if over {
            return Ok((talk.out, talk.err));
        }
        let left = command
            .timeout
            .checked_sub(started.elapsed())
            .ok_or_else(|| RunError::Timeout {
                command: command.shown(),
                seconds: command.timeout.as_secs(),
            })?;
        talk.wait(ended.as_ref(), left)
            .map_err(|source| talk.error(source))?;
    }
}

fn pidfd(child: &Child) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(child.id()).ok()?)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

fn is_ready(fd: BorrowedFd<'_>) -> std::io::Result<bool> {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
    poll_for(&mut fds, Duration::ZERO)?;
    Ok(!fds[0].revents().is_empty())
}

fn poll_for(fds: &mut [PollFd<'_>], wait: Duration) -> std::io::Result<()> {
    let wait = Timespec {
        tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(wait.subsec_nanos()),
    };
    match poll(fds, Some(&wait)) {
        Ok(_) => Ok(()),
        Err(rustix::io::Errno::INTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

impl Talk<'_> {
    fn error(&self, source: std::io::Error) -> RunError {
        RunError::Talk {
            command: self.command.shown(),
            source,
        }
    }

    fn no_blocking(&self) -> std::io::Result<()> {
        let fds = [
            self.input.as_ref().map(|(pipe, _)| pipe.as_fd()),
            self.stdout.as_ref().map(AsFd::as_fd),
            self.stderr.as_ref().map(AsFd::as_fd),
        ];
        for fd in fds.into_iter().flatten() {
            fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK)?;
        }
        Ok(())
    }

    fn move_bytes(&mut self) -> Result<(), RunError> {
        let limit = self.command.output_bytes_max;
        if let Some((pipe, left)) = &mut self.input {
            match pipe.write(left) {
                Ok(count) => *left = &left[count..],
                Err(error) if is_later(&error) => {}
                // The program does not want to read: that is its right.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => *left = &[],
                Err(error) => return Err(self.error(error)),
            }
            if left.is_empty() {
                self.input = None;
            }
        }
        let mut too_much = false;
        let mut wrong = None;
        if let Some(pipe) = &mut self.stdout {
            match drain(pipe, &mut self.out, limit) {
                Ok(Drained::Open) => {}
                Ok(Drained::Closed) => self.stdout = None,
                Ok(Drained::TooMuch) => too_much = true,
                Err(error) => wrong = Some(error),
            }
        }
        if let Some(pipe) = &mut self.stderr {
            match drain(pipe, &mut self.err, limit) {
                Ok(Drained::Open) => {}
                Ok(Drained::Closed) => self.stderr = None,
                Ok(Drained::TooMuch) => too_much = true,
                Err(error) => wrong = Some(error),
            }
        }
        match wrong {
            Some(error) => Err(self.error(error)),
            None if too_much => Err(RunError::TooMuch {
                command: self.command.shown(),
                limit_bytes: limit,
            }),
            None => Ok(()),
        }
    }

    fn wait(&self, ended: Option<&OwnedFd>, left: Duration) -> std::io::Result<()> {
        let mut fds = Vec::with_capacity(4);
        if let Some((pipe, _)) = &self.input {
            fds.push(PollFd::new(pipe, PollFlags::OUT));
        }
        if let Some(pipe) = &self.stdout {
            fds.push(PollFd::new(pipe, PollFlags::IN));
        }
        if let Some(pipe) = &self.stderr {
            fds.push(PollFd::new(pipe, PollFlags::IN));
        }
        if let Some(fd) = ended {
            fds.push(PollFd::new(fd, PollFlags::IN));
        }
        let wait = match ended {
            Some(_) => left,
            None => left.min(LOOK_AGAIN),
        };
        poll_for(&mut fds, wait)
    }
}

enum Drained {
    Open,
    Closed,
    TooMuch,
}

fn drain(pipe: &mut impl Read, into: &mut Vec<u8>, limit: usize) -> std::io::Result<Drained> {
    let mut buffer = [0; 64 * 1024];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => return Ok(Drained::Closed),
            Ok(count) if into.len() + count > limit => return Ok(Drained::TooMuch),
            Ok(count) => into.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Drained::Open),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn is_later(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(command: &Command) -> Result<Finished, RunError> {
        SystemRunner.run(command)
    }

    #[test]
    fn gives_back_output_code_and_a_fixed_environment() {
        let finished = run(&Command::new("/usr/bin/env", ["-0"])).unwrap();
        assert_eq!(finished.code, Some(0));
        let mut names: Vec<String> = finished
            .text()
            .split_terminator('\0')
            .map(|pair| pair.split_once('=').unwrap().0.to_owned())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "APT_LISTCHANGES_FRONTEND",
                "DEBIAN_FRONTEND",
                "LC_ALL",
                "PATH"
            ]
        );
        assert_eq!(
            run(&Command::new("/bin/false", [""; 0])).unwrap().code,
            Some(1)
        );
    }

    #[test]
    fn arguments_are_never_read_by_a_shell() {
        let finished = run(&Command::new("/bin/echo", ["$(id); `id` > x", "a  b"])).unwrap();
        assert_eq!(finished.text(), "$(id); `id` > x a  b\n");
    }

    #[test]
    fn a_program_that_takes_too_long_is_ended() {
        let started = Instant::now();
        let command = Command::new("/bin/sleep", ["600"]).timeout(Duration::from_millis(80));
        assert!(matches!(run(&command), Err(RunError::Timeout { .. })));
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_program_that_writes_without_end_is_ended() {
        let mut command = Command::new("/usr/bin/yes", [""; 0]);
        command.output_bytes_max = 200_000;
        assert!(matches!(run(&command), Err(RunError::TooMuch { .. })));
    }

    #[test]
    fn input_larger_than_a_pipe_comes_through() {
        let mut command = Command::new("/bin/cat", [""; 0]);
        let input: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
        command.input = Some(input.clone());
        assert_eq!(run(&command).unwrap().stdout, input);
    }

    #[test]
    fn a_child_that_keeps_the_pipe_open_is_not_waited_for() {
        let started = Instant::now();
        // The test needs a program that leaves a child behind; this shell is the test's, not ours.
        let command = Command::new("/bin/sh", ["-c", "echo out; exec 3>&1; sleep 20 & exit 3"]);
        let finished = run(&command).unwrap();
        assert_eq!(
            (finished.code, finished.text().as_str()),
            (Some(3), "out\n")
        );
        assert!(started.elapsed() < Duration::from_secs(15));
    }

    #[test]
    fn a_relative_path_or_a_missing_program_says_so() {
        for program in ["echo", "/nowhere/at/all"] {
            assert!(matches!(
                run(&Command::new(program, [""; 0])),
                Err(RunError::Start { .. })
            ));
        }
    }
}
