//! Packs from a stranger: each is refused with its reason, and nothing is written anywhere.

use std::fs;

use tar::EntryType;

use crate::support::{Crafted, LAB, Room, TEMPLATE, gzip, header};

/// What is said about a pack, by `unpack` and by whoever uses it where it is.
fn refused(pack: &[u8]) -> String {
    let room = Room::new();
    room.write("class.labpack", pack);
    let before = room.listing();
    let (code, stdout, stderr) = room.said(&["unpack", "class.labpack"]);
    assert_eq!((code, stdout.as_str()), (6, ""), "{stderr}");
    let (code, stdout, run) = room.said(&["run", "--labs-dir", "class.labpack", "sound"]);
    assert_eq!((code, stdout.as_str()), (6, ""), "{run}");
    assert_eq!(run, stderr);
    assert_eq!(room.listing(), before, "something was written");
    stderr
}

/// The first line of what is said about each, under its name. The rest is the same for all.
fn all_refused<'a>(packs: impl IntoIterator<Item = (&'a str, Vec<u8>)>) -> String {
    let told = packs.into_iter().map(|(name, pack)| {
        let said = refused(&pack);
        let (first, hint) = said.split_once('\n').unwrap();
        assert_eq!(
            hint, "hint: nothing of it was used; get it again from whoever made it with `labctl pack`\n",
            "{name}"
        );
        format!("{name}: {}", first.strip_prefix("error: `class.labpack` is refused: ").unwrap_or(first))
    });
    told.collect::<Vec<_>>().join("\n")
}

/// The builder itself: what is refused below is refused for what it changes.
#[test]
fn a_pack_that_is_built_by_hand_is_a_pack() {
    let room = Room::new();
    room.write("class.labpack", Crafted::sound().pack());
    let (code, _, stderr) = room.said(&["unpack", "class.labpack"]);
    assert_eq!((code, stderr.as_str()), (0, "class: sound\n"));
    assert_eq!(fs::read_to_string(room.path("class/sound/lab.yaml")).unwrap(), LAB);
}

#[test]
fn paths_that_lead_elsewhere() {
    let long = format!("sound/templates/{}/{}", "x".repeat(50), "x".repeat(50));
    let paths: [(&str, &[u8]); 17] = [
        ("parent", b"../evil.yaml"),
        ("parent within", b"sound/templates/../../../evil.yaml"),
        ("absolute", b"/tmp/evil.yaml"),
        ("this folder", b"./sound/evil.yaml"),
        ("empty part", b"sound//evil.yaml"),
        ("backslash", b"sound\\templates\\evil.yaml"),
        ("drive", b"C:evil.yaml"),
        ("not UTF-8", b"sound/templates/\xff\xfe.yaml"),
        ("control character", b"sound/templates/\x1b[2Jx.yaml"),
        ("line end", b"sound/templates/a\nb.yaml"),
        ("hidden", b"sound/templates/.evil.yaml"),
        ("option", b"sound/templates/-evil.yaml"),
        ("deep", b"sound/templates/a/b/c/d/e/f/g/h.yaml"),
        ("long", long.as_bytes()),
        ("no lab's", b"evil.sh"),
        ("not of a lab", b"sound/evil.sh"),
        ("no name for a lab", b"Sound/lab.yaml"),
    ];
    let packs = paths.map(|(name, path)| (name, Crafted::sound().file(path, b"evil\n").pack()));
    insta::assert_snapshot!(all_refused(packs));
}

#[test]
fn everything_that_is_no_plain_file() {
    let kinds = [
        ("symbolic link", EntryType::Symlink),
        ("hard link", EntryType::Link),
        ("character device", EntryType::Char),
        ("block device", EntryType::Block),
        ("pipe", EntryType::Fifo),
        ("directory", EntryType::Directory),
        ("long name of GNU", EntryType::GNULongName),
        ("long link of GNU", EntryType::GNULongLink),
        ("sparse file", EntryType::GNUSparse),
        ("pax header", EntryType::XHeader),
        ("pax header for all", EntryType::XGlobalHeader),
        ("unknown", EntryType::new(b'Z')),
    ];
    let packs = kinds.map(|(name, kind)| {
        let mut header = header(b"sound/templates/evil.yaml", kind, 0, 0);
        header.set_link_name("/etc/passwd").unwrap();
        header.set_cksum();
        (name, Crafted::sound().with_header(&header, b"").pack())
    });
    insta::assert_snapshot!(all_refused(packs));
}

#[test]
fn files_in_each_others_way() {
    let same = Crafted::sound().file(b"sound/lab.yaml", b"evil\n");
    let case = Crafted::sound().file(b"sound/templates/Close.yaml", b"evil\n");
    let folder = Crafted::sound().file(b"sound/templates/close.yaml/x.yaml", b"evil\n");
    let folder_by_case = Crafted::sound().file(b"sound/templates/CLOSE.yaml/x.yaml", b"evil\n");
    let packs = [("same", same), ("case", case), ("folder", folder), ("folder by case", folder_by_case)];
    insta::assert_snapshot!(all_refused(packs.map(|(name, pack)| (name, pack.pack()))));
}

#[test]
fn manifests_that_do_not_fit() {
    let sound = Crafted::sound();
    let manifest = sound.manifest();
    let missing = Crafted::sound().file(b"sound/templates/more.yaml", b"more\n").manifest();
    let changed = Crafted::lab(&LAB.replace("Close the door", "Open the door"), TEMPLATE);
    let packs = [
        ("unlisted", Crafted::sound().entry(b"sound/templates/x.yaml", EntryType::Regular, b"evil\n").pack()),
        ("missing", sound.pack_with(&missing)),
        ("changed", changed.pack_with(&manifest)),
        ("no JSON", sound.pack_with("evil")),
        ("unknown key", sound.pack_with(&manifest.replacen('{', "{\n  \"\\u001b[2J\": \"rm -rf /\",", 1))),
        (
            "listed twice",
            sound.pack_with(&manifest.replace(
                "\"files\": [",
                "\"files\": [\n    {\"path\": \"sound/lab.yaml\", \"size\": 1, \"digest\": \"sha256:0\"},",
            )),
        ),
        ("another size", sound.pack_with(&manifest.replacen("\"size\": ", "\"size\": 9", 1))),
        ("deep JSON", sound.pack_with(&"[".repeat(100_000))),
    ];
    insta::assert_snapshot!(all_refused(packs));
}

#[test]
fn packs_without_a_manifest_or_without_labs() {
    let sound = Crafted::sound();
    let late = sound.clone().entry(b"labpack.json", EntryType::Regular, sound.manifest().as_bytes());
    let nothing = Crafted::default().manifest().replace("[\n\n  ]", "[]");
    let packs =
        [("late", gzip(late.tar())), ("none", gzip(&[0; 1024])), ("no labs", Crafted::default().pack_with(&nothing))];
    insta::assert_snapshot!(all_refused(packs));
}

#[test]
fn another_format_says_what_to_do() {
    let sound = Crafted::sound();
    let newer = sound.manifest().replace("labctl/v1", "labctl/v9\\u001b[2J");
    insta::assert_snapshot!(refused(&sound.pack_with(&newer)));
}

#[test]
fn too_much_of_anything() {
    let huge = Crafted::sound().file(b"sound/templates/huge.yaml", &vec![b'#'; (1 << 20) + 1]).pack();
    let claimed = header(b"sound/templates/huge.yaml", EntryType::Regular, 8 << 30, 0);
    let claimed = Crafted::sound().with_header(&claimed, b"#").pack();
    let mut many = Crafted::sound();
    for number in 0..2000 {
        many = many.file(format!("sound/templates/{number}.yaml").as_bytes(), b"#\n");
    }
    let mut much = Crafted::sound();
    for number in 0..17 {
        much = much.file(format!("sound/templates/{number}.yaml").as_bytes(), &vec![b'#'; 1 << 20]);
    }
    let packs = [
        ("file", huge),
        ("claimed", claimed),
        ("many", many.pack()),
        ("bomb", much.pack()),
        ("packed", vec![0; (16 << 20) + 1]),
    ];
    insta::assert_snapshot!(all_refused(packs));
}

#[test]
fn what_is_no_pack_or_more_than_one() {
    let sound = Crafted::sound();
    let pack = sound.pack();
    let lab = Crafted::default().file(b"sound/templates/close.yaml", TEMPLATE.as_bytes()).pack();
    let later = Crafted::sound().with_header(&header(b"sound/templates/x.yaml", EntryType::Regular, 2, 1), b"x\n");
    let hidden = Crafted::sound().file(b"sound/templates/x.yaml\0evil", b"x\n");
    let listed = Crafted::sound().file(b"sound/templates/x.yaml", b"x\n").manifest();
    let mut broken = pack.clone();
    let middle = broken.len() / 2;
    broken[middle] ^= 0xff;
    let packs = [
        ("text", b"apiVersion: labctl/v1\n".to_vec()),
        ("nothing", Vec::new()),
        ("cut off", pack[..pack.len() - 9].to_vec()),
        ("broken", broken),
        ("bytes after it", [&pack[..], b"evil"].concat()),
        ("another pack after it", [&pack[..], &pack].concat()),
        ("bytes after the tar", Crafted::sound().bytes(&[0; 1024]).bytes(b"evil").pack()),
        ("header of its own", later.pack_with(&listed)),
        ("hidden after a name", hidden.pack_with(&listed)),
        ("no lab", lab),
        ("not text", Crafted::sound().file(b"sound/templates/x.yaml", b"\xff\xfe").pack()),
    ];
    insta::assert_snapshot!(all_refused(packs));
}

/// A sound pack of unsound labs: found out when they are read, which is before anything of them is written or run.
#[test]
fn labs_that_do_harm() {
    let bomb = include_str!("../labs/alias-bomb.yaml");
    let endless = "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}\n";
    let include = |name: &str| format!("{{% include '{name}' %}}\n");
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: evil}\n";
    let aliases = "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n\
                   d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]\n";
    let cases = [
        ("alias bomb", Crafted::lab(bomb, TEMPLATE)),
        ("alias bomb of a template", Crafted::lab(LAB, aliases)),
        ("endless template", Crafted::lab(LAB, endless)),
        ("template that includes itself", Crafted::lab(LAB, &include("close.yaml"))),
        ("file of the machine", Crafted::lab(LAB, &include("/etc/passwd"))),
        ("file beside the pack", Crafted::lab(LAB, &include("../../class.labpack"))),
        ("bundled template that was not packed", Crafted::lab(LAB, &include("shared/program.yaml"))),
        ("environment", Crafted::lab(LAB, "{{ env('HOME') }}\n")),
        (
            "command",
            Crafted::lab(&LAB.replace("apply: {template: close.yaml}", "command: {run: [touch, evil]}"), TEMPLATE),
        ),
        ("for the cluster", Crafted::lab(LAB, role)),
        ("control character", Crafted::lab(&LAB.replace("Nothing is wrong.", "\"\\e[2J\""), TEMPLATE)),
    ];
    let told = cases.map(|(name, pack)| format!("{name}\n{}", refused(&pack.pack())));
    insta::assert_snapshot!(told.join("\n"));
}
