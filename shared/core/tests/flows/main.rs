//! The flows at work on tables in memory, one situation a test. What happens when they run at the same time is
//! the schedule explorer's business.

mod calls;
mod change;
mod copy;
mod finish;
mod hold;
mod job;
mod limits;
mod repeat;
mod replicate;
mod sweep;
mod verify;
mod world;
mod write;
