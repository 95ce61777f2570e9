//! The terminal as `top` needs it: taken, drawn on, and given back as it was, however that ends.

use std::io::{self, Write};
use std::sync::Once;
use std::thread;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::style::Print;
use crossterm::terminal::{
    self, Clear, ClearType, DisableLineWrap, EnableLineWrap, EnterAlternateScreen,
    LeaveAlternateScreen,
};
use crossterm::{execute, queue};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, channel};

use super::order::SortKey;
use super::view::{Action, Size};
use crate::failure::Failure;

/// Clients that a page is scrolled by.
const PAGE: usize = 10;

/// What a terminal that does not know its size is taken for.
const DEFAULT_SIZE: Size = Size {
    columns: 80,
    lines: 24,
};

/// The terminal while it is ours; dropped, it is the shell's again.
pub struct Screen(());

impl Screen {
    /// Takes the terminal.
    pub fn enter() -> Result<Self, Failure> {
        leave_on_panic();
        // From here on, whatever was done is undone.
        let screen = Self(());
        terminal::enable_raw_mode()
            .and_then(|()| {
                execute!(
                    io::stdout(),
                    EnterAlternateScreen,
                    DisableLineWrap,
                    Hide,
                    Clear(ClearType::All)
                )
            })
            .map_err(|error| broken(&error))?;
        Ok(screen)
    }

    /// Its size at this moment.
    pub fn size(&self) -> Size {
        match terminal::size() {
            Ok((columns, lines)) if columns > 0 && lines > 0 => Size {
                columns: columns.into(),
                lines: lines.into(),
            },
            _ => DEFAULT_SIZE,
        }
    }

    /// Replaces what is shown, in one piece and without flicker.
    pub fn draw(&self, lines: &[String]) -> Result<(), Failure> {
        let mut frame = Vec::new();
        compose(&mut frame, lines)
            .and_then(|()| {
                let mut stdout = io::stdout().lock();
                stdout.write_all(&frame)?;
                stdout.flush()
            })
            .map_err(|error| broken(&error))
    }

    /// What the user wants from now on: by keys, or by signals, which would otherwise end the
    /// program without giving the terminal back.
    pub fn actions(&self) -> Receiver<Action> {
        let (sender, receiver) = channel(16);
        for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
            let sender = sender.clone();
            // Fails only without a runtime.
            if let Ok(mut signals) = signal(kind) {
                tokio::spawn(async move {
                    signals.recv().await;
                    let _ = sender.send(Action::Quit).await;
                });
            }
        }
        // Reading blocks, so it has a thread of its own, which ends with the program, or with the
        // keyboard; then there are the signals still.
        thread::spawn(move || {
            while let Ok(event) = event::read() {
                if let Some(action) = action(&event)
                    && sender.blocking_send(action).is_err()
                {
                    return;
                }
            }
        });
        receiver
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

/// Gives the terminal back. There is nobody to tell if that fails.
fn leave() {
    let _ = execute!(io::stdout(), Show, EnableLineWrap, LeaveAlternateScreen);
    let _ = terminal::disable_raw_mode();
}

/// A panic ends the program without dropping anything, and its message belongs on the shell's
/// screen.
fn leave_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            leave();
            report(panic);
        }));
    });
}

fn compose(frame: &mut Vec<u8>, lines: &[String]) -> io::Result<()> {
    for (row, line) in (0..).zip(lines) {
        let rest = Clear(ClearType::UntilNewLine);
        queue!(frame, MoveTo(0, row), Print(line), rest)?;
    }
    Ok(())
}

fn broken(error: &io::Error) -> Failure {
    Failure::Local(format!("cannot use the terminal: {error}"))
}

fn action(event: &Event) -> Option<Action> {
    match event {
        Event::Key(key) if key.kind == KeyEventKind::Press => key_action(key),
        Event::Resize(..) => Some(Action::Redraw),
        _ => None,
    }
}

fn key_action(key: &KeyEvent) -> Option<Action> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return (key.code == KeyCode::Char('c')).then_some(Action::Quit);
    }
    Some(match key.code {
        KeyCode::Char('q') => Action::Quit,
        KeyCode::Char('n') => Action::Sort(SortKey::Name),
        KeyCode::Char('i') => Action::Sort(SortKey::In),
        KeyCode::Char('o') => Action::Sort(SortKey::Out),
        KeyCode::Char('b') => Action::Sort(SortKey::Bytes),
        KeyCode::Char('w') => Action::Sort(SortKey::Queue),
        KeyCode::Char('d') => Action::Sort(SortKey::Dropped),
        KeyCode::Char('r') => Action::Reverse,
        KeyCode::Up => Action::Up(1),
        KeyCode::Down => Action::Down(1),
        KeyCode::PageUp => Action::Up(PAGE),
        KeyCode::PageDown => Action::Down(PAGE),
        _ => return None,
    })
}
