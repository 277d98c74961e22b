//! Walks a lab's steps: apply, wait, probe, grade; emits events and does not know how they are shown.
