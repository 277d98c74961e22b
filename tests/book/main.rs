//! The guide: built by the real mdBook and by `labctl docs`, in both editions; what it shows is what labs show today.

mod colours;
mod docs;
mod mdbook;
mod pages;
mod protocol;
mod recorded;
mod support;
