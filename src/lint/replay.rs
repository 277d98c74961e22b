//! A lab done on paper: which objects are there before its first step and after each of its steps.

use std::sync::OnceLock;

use super::world::{Missing, World, is_understood};
use crate::{
    lab::{
        action::Action,
        model::{Lab, Step},
        position::Located,
    },
    mesh::install,
    render::object::Object,
};

/// A lab's worlds, and what its actions look for in vain.
#[derive(Debug)]
pub struct Replay {
    /// After the setup, then after each step: one more than there are steps.
    worlds: Vec<World>,
    /// Actions whose object is not there by then, in the lab's order.
    pub missing: Vec<Missing>,
}

impl Replay {
    /// Does everything that the lab does, in order.
    pub fn of(lab: &Lab) -> Self {
        let mut world = installed(lab.metadata.mesh.gateway).clone();
        let mut missing = Vec::new();
        act(&mut world, &lab.setup, None, &mut missing);
        let mut worlds = vec![world.clone()];
        for step in &lab.steps {
            act(&mut world, &step.solve, Some(step), &mut missing);
            worlds.push(world.clone());
        }
        Self { worlds, missing }
    }

    /// The steps with what is there before and after each.
    pub fn steps<'a>(&'a self, lab: &'a Lab) -> impl Iterator<Item = (&'a Step, &'a World, &'a World)> {
        let around = self.worlds.iter().zip(&self.worlds[1..]);
        lab.steps.iter().zip(around).map(|(step, (before, after))| (step, before, after))
    }

    /// All worlds, from after the setup to the end.
    pub fn worlds(&self) -> &[World] {
        &self.worlds
    }
}

fn act(world: &mut World, actions: &[Located<Action>], step: Option<&Step>, missing: &mut Vec<Missing>) {
    for action in actions {
        if let Err(target) = world.act(action) {
            let step = step.map(|step| step.name.value.clone());
            world.doubt();
            missing.push(Missing { at: action.at, verb: action.verb(), target, step });
        }
    }
}

/// A cluster with the mesh; the same for every lab, so made once.
fn installed(gateway: bool) -> &'static World {
    static WITHOUT: OnceLock<World> = OnceLock::new();
    static WITH: OnceLock<World> = OnceLock::new();
    let known = if gateway { &WITH } else { &WITHOUT };
    known.get_or_init(|| {
        let settings = install::Settings { gateway, ..install::Settings::default() };
        let manifests = install::manifests(&settings).expect("the bundled templates of the mesh are sound");
        let values = manifests.into_iter().map(|object| serde_json::to_value(object).expect("an object is JSON"));
        let mut world = World::default();
        // What its webhooks do is decided by the registry.
        let understood = values.filter_map(|value| Object::new(value).ok()).filter(|it| is_understood(it.kind()));
        understood.for_each(|object| world.apply(&object));
        world
    })
}
