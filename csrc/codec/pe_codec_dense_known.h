/* Known codes of the dense codec: the length of each symbol's, as a letter (a: none, b: one bit).
   Made from the memory of programs by k-means: eight groups of pages for each kind of stream, and
   the best code of ten bits at most for each group. Changing a letter changes blobs. */
#ifndef PE_CODEC_DENSE_KNOWN_H
#define PE_CODEC_DENSE_KNOWN_H

/* What telling a code of its own takes, by kind: bits, and 256ths of one for each symbol that
   occurs. */
#define PE_DENSE_TELLING 318, 280, 51, 261, 332
#define PE_DENSE_TELLING_EACH 351, 568, 224, 701, 337
/* By how much whole bits are more than the best code of all, in 256ths. */
#define PE_DENSE_WHOLE_BITS 1, 13, 4, 20, 1

/* By kind (pe_dense_kind) and set. */
static const char pe_dense_known[5][8][257] = {
    {"efhhhhgihijijjjjijihjjjjijjjjjjjhjjijjjjijjjiiijgfgfggfgfgijjjjihjihiijjijijijjjijjijj"
     "jjijjjjjjjiijiiiiiijjjiiiiijiiihjjijjjjjjjhiihjjjjijjjjjjjijjjjjjjiijjjjjjijjijjjiiijj"
     "jjjjijjiijjjijjjjjjjijjijjjjijjjjjjjijjijjjjijjjjjjjijjijjjjijjjjjjjijjjjjjjijjjjjjj",
     "eghhiiiigiiiiiiigiiiijjjhjjjjjjjgijjijjjhjjjjjjjgiiiiiiigijjjjjjgijjijjjhjjjjjjjgijjji"
     "jjhjjjjjjjgijiiijjhijiijijgjiiiijjhijjjjjigjjjjjjjhjjjijjjgjjjjjjjhjjjjjjjgjjjjjjjhjii"
     "jjjjgjjjjjjjhjjjjjjjgjjjjjjjhjijjjjjgjjjjjjjhjjjjjjjgjjjjjjjhjjjjjjjgjjjjjjjhjjjjjih",
     "cfggghhhhghhiihihiiihiiiijijijjjhjjjijjjijjiijjjiiiiiihiiijjjjjjhhijijjjijjjjjjjijjjjj"
     "hjjjjjjjkjhjjjjijjjjjjjjjjijijjjjjjkjjjjkifjjjjjjjjkkkjjjjijjkjkkjjkkkjkkkijjjjjjjjkkj"
     "jkjkikkkkkkkjkjkkjjkhjjjjjjjjjjkjjjjijjkjkjkjkjkkkkkijjjjjjjjkkjgkkkijkkjkkkjkkjjjjh",
     "gijjjkikjjhkkkkkkkkkkkkkkkkkkkkkeigikkkihhkkighkggffhhghiijkkkkkjjjjjjjkkjkkkkjkkkjjjk"
     "kkkkkjfikijfhggeghhfkiggffgkfffgiijhkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
     "fjkkkkkkkjhkkkkkkkkkkkkkkkkkkkkkekikkikihhkkihhjihijjjjkjjjikkkkkijiihjjjikjijiiikihij"
     "kkkkjkjkkgjfhffegggfkifgffgjffeghhihjkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkj",
     "gkkkkkkkkkkkkkjjkkkkkkkkkkkkkkkkjkikkjkkkkkkjkfkedeeeeeeeejkkkkjkkkkkkkkkkkjjjkkkkkkkk"
     "kkkkkkkkkkkjkkkikkkkkkkjkkkkkkkkkkkkkkkikjkkkkkkkjjkkkkkkkkjjjkkkkkkkkkkkkkkkkkkkkkkkk"
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkj",
     "ejjjjjjkjjkkkkkkjjkjkkkkjkkkkkkkijkkkikkkkkkkkkkfefefeffffikkkkgikkgkkkkkkkkkkkkjkkkkk"
     "kkkkkkkkkkiffffffkkkkkkkkkjkkkkkkkkkkkkkkkikjkkkjkjkkkjkjkjjjkjkkkjkjjkkjkijkkkikkkkkk"
     "kkkkjkkkkkkkgkkkkkkkikkkkkkkkkkkkkkkjkkkjkkkkkkkkkkkijkkkikkjkkkkkkkjkkkkkkkkkkkkkkk",
     "eghihhiihjjjijjfhijjjjjjikkkjjkihjkkgjkkiikkkjjkihkkjjkkiikjjjkjhgjjhhjjegjjgikjikkjii"
     "jjjkkjjijjjkkjjkhkjkkkjkjijkjjhhjjjkkjjjjjijkghgjjjfkgkgkkikkkjjkkjkkkkkkkjkkkkkkkjkjk"
     "kkkkjkkkkjijijjjjjijhijiiiihiijkjkjjijijjkjjijjjkkjiijjkjjjjghjijjjiijjijjiiijiiiihe"},
    {"kkikkkikekikkkjkikjkkkjkgkjkkkgkkkkjihedjikkkjkjjjkkkkffkkkkkkifkkkifdihkkkkkikkkkkkhf"
     "kjkkkkkiifkkgfjjkkkkkjkkkkkkhikkkkkkkkkkhjkhjkkkjjkkkkkkkkjkkkkkkkkkkkkkjjkkkkkkjkkkkk"
     "kkjkkkkkkkkkkkkkkkkikkkkkikkkkkkkkkkkkkkkkkkkkkkkkkkkkiiiiijkkkkkkkkkkkkkkkkkkkkkkkk",
     "kkfkkkkkjkkkjkhkkkkkkkkkkkkkkkkkkekfkkkkkkkikfigkjjfifiekjjikkkkkjkkkkkkkkkhhgkijijggd"
     "kgkfkkkkkkkkkkkkkkkkjikkkjjkigjjkkkkkkkkkkkkkkkkkkkkkkjkkkkhkkjjkkkkjjkkkkkjkkkkkkkkkh"
     "kkghkkjkjkikkkkkkkkkkkkkkjkkkgkkggkjjikkhikkkkkkkkkkkjighghkjjihijjjkkikkkkkkkkkkkkk",
     "kkkkkkkkkkkkkkjkkkkkkkkkkkkkkkkkkgiekikkkgjfjhkjkgjfkkkkkjkkkkkkkekkkkkkkgkkkkkkkkkkkk"
     "kkkkkkkkkkkhkkkkkikkkkkkkikkkkkkkkkkkkjkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkhkkkkkkkkkk"
     "kkkkkkkkkkkkkkkkkkkkkfkkkkkkkkkkjkkkkkkkkkkkkkkkkkkkkiiikkiiiggggdheifhdkjkkkkkjkikk",
     "kkkkkkkkikkkkkkkkkkkkkkkkkkkkkkkkijjkkickkgejgkkkkkkkgkgkkkkkkkkkhigkfkkkjkkiikkkkkkkk"
     "kkkkkkkkkkkikfkjkikkkkkkkkkkkkkkkkkkkkkkkkkkkjkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkikkkkkkkk"
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkfhdkhihkkkkjkkkkkkijgjiikkkkkje",
     "kkgkgkhkgkhkikikikjkjkjkjkkkkkgkkfhghfgfigjhjhigkikikijikjkjkiifkghfhfhhihjhjhjijikiji"
     "kikikjkiifkihhijijikjkkkkkkkkkkkkkkkkkkkjjkiijijijjkjjkkkkkkkkkkkkkkkkkkjjkjihikhhjkjk"
     "jkjkkkkkkkkkkkkkkkjkkjikiijkkkkkjkkkkkkkkkkkkkkkkkjjkhfhfigigihjhjijikikjkjkjkkkkkhj",
     "kkikjkjkikkkkkkkfkikjkkkikgkhkhkkgjjijigiijjkkiekkkkjkkjjgjijkgekiikhhiijijjkfkkkkijhj"
     "jkkkkkjjhekkhjjkkkkkkjkkkjjhihhjikkkkkkkjhkijkkkjkkjkkkkkijfigkjkkkkkkkkjjkkkkkkkkkkkk"
     "kkkkkfkgkjkikkkkkkjjkkkkkkkkkkkkkkkkkkkkkkkkkkkkjkikkihhhghgiijkjkkkjkkkkkkjjggggigg",
     "kkekekfkfkgkgkgkgkhkhkhkhkikikekkighhihihjijijijjkjkjkjjkkkkkkhhkjhjhiikikikjkjkkkkkkk"
     "kkkkkkkkijkkhjhkhkikikjkjkkkkkkkkkkkkkkkijkkhkhkikikjkjkjkjkkkkkkkkkkkkkikkkhkikikikjk"
     "jkkkkkkkkkkkkkkkkkikkkhkikikjkjkjkkkkkkkkkkkkkkkkkikkjekfkfkgkgkhkhkhkikikikjkjkjkgk",
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkgfcjgkhkkkkkkkgkekkkkkgkfkkkkkkkhjfihjjkkkkkkkkkkkkkk"
     "kfkhkkkkkkkikhjikkkkkkkkkkkkkkkkkikkkkkkkkkhkfkfkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkjkk"
     "kkkkkkkkkkkkkkkkkkkkkgkiihkkkgkkkkkkkkkkkkkkkkkkkkkkkeggijkkjkkkkkkkjjkkkkkjkkkkkkkk"},
    {"hgidddddekkkijiiiikfikjjgfffefgk", "gfeeeeefgigggggggijffigfeeeeefgj",
     "jhggfffghjihggggghkhijhfeeddddek", "fddcddfghkkkkkkkkkkfeijhfiijjjkk",
     "eeddddeefjkkjkkjkkkfdiihhhiiiijk", "hfffggggijfffggghikhiheddeeeeefk",
     "idddddddejjkjjjjjkkgjjjjjjjiijjk", "fedeeeefgfefefffghkfeihgghhhhhjk"},
    {"ggiijjikkikjkkhhgeihjjkkjhkkkkiiihfjjgikkikkkkhhjhihjjkkkjkkkkjijiikhkkkijkkkkjjjjgjjg"
     "jkkikjkkhhjkikkjhkkkikkkiiikjkkkkjkkkkkkijjikkkkkkkkkkkkijihjijjkkkgkkkkihkkkkkkkkkkkk"
     "kkkkikkkkjkkkjkjkkhjkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkijiijhihkhkhkkdfihghjhhkjhkikkge",
     "jkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkekkkkkkkkkkkkkkkekekkkkkkkkkkkkkkkeke"
     "ikkkkkkkkkkddekekkkkkkkkkkkkhkkkkkkkkkkkkkjgkikkkkkkkkkkkjkkkkkkkkkkkkkkkkkkhkkkkkkkkk"
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkfkkikkkkkkkkjkkkkkkkkkkkkkkkkk",
     "hkkkkkkkkkkkkkkkkdkkkkkkkkkkkkkkkkkkkkkikkkkkkkkkkkekkkkkkkkkkkdkkkkkkkkkkkkkkkhkkkgki"
     "kkkkkkkkkkkkkkkjkkkkkkkkkkkkkkkkkkkkkkkkkikkkkkkkkkkkkkkgdkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
     "kkkjkkkkkkkkkkkjkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkhijkjkkjkkkkc",
     "dkkkkkgkgkkkhifjkkkkkkkkkjkkkkjkhkkkkkkkkkkkkkhkkjkffkkkjkkkkkjkkgkgdkikikkkkkkjfkhiii"
     "hkjkkkkkhkgkhkiiekikkkkkihkkkkkkkkjkkkkkkjgkkkjkikhkkkjkihkgkkkkkkkkkkkkkkkkkkkkkkkkkk"
     "kkkikkkkkkkkkkkkkkkkikkkkkkkkkkkjkkikkkkkikkkkkkkkkkfkkkkgikikkkjkhhijgjjjkjkkkkkkkj",
     "jkkkkkkkkjkkkkkkkfihfkhkggkkkkkekiihiiikkjkkkkkekhjkkkkkihkkkkkhkfkkkkkkjhkkkkjgkkhkjk"
     "kkkkkkkkjhkkhkkkkkkjkkkkkgkkkkkkkkkkkkkkkkkgjkkkkkjgkkkkkhkfhffkkkghkkkkkfkkkkkkkkkkkk"
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkjkkkikjkkkkkkihkffihghkigkkkkhe",
     "gkkkkjjkkkkkkkjijdiiikkkiikkkkkijiekkhhkkjkkkkjekkkkjkkkkkkkkkkjkikjikjkkkkkkkkjhkjkkj"
     "jkkkkkkkkgkjhkkjikkkkkkkkgkkkkjkkkkkkkkkkhkikkkkkkkkkkkkkikhkkkkkkkjkkkkkjkkkkkkkkkkkk"
     "kkkikkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkihjhekkhhkjhjkkkhc",
     "fighggfjjhkkkkhhggjggjikkkkkkkkkijhhfggkkkkkkkjkfhihgihkjkkkkkjkgfghfggjikkkkkjkgkgihg"
     "fjjkkkkkjkfighfgfiikkkkkikikjkikjkkkkkkkkkjkkjjjjkjkkkkkkkkjkjkkkkkkkkkkkkkkhkkkkkkkkk"
     "kkkjkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkikkhjjikkkkkkkjkkkkkkkkkkkkkkkki",
     "kkkkkkkkkkkkkkkkikkkkkkkkkkkkkkkjkkkkkkkkkkkkkkkikkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkhkkkkj"
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkdfhhhjgkjkkkkkkkkkkkkkkkkkkk"
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkikkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkcheiffdkgkkkhkgk"},
    {"gjjjjjjjkjhkkkkkkkkkkkkkkkkkkkkkdkikkikjhhkkigijiiijkkkkkkiikjjkkjkjjjjkkjkkjkjkjkjjjk"
     "kkkkkkikkhkfgffegggfihfgffghfffghhhhikkkkkkkkkkkkkkkkkkkkkkjkkkkkkkkkkkkkkkkkkkkkkkkkk"
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkj",
     "eggghhiihiiiiigghijiiijihijjjjjihjjiihjjhjijjjjjhijijjjjijjijjkjhhiihijjgijjhijjhjjijg"
     "jjijjijjjjhijijjhjhjjjijjjijjiijjjijjjjjjhgjjhiijjhhjhjijihjjijjjkikjjjkjkhjjjjjkkijjj"
     "jjkjijjjjjjjijjjjjjjhjjijjjjiihjjjijhjjjjjjjijjjjjjjhjjjjjjjhijjjjjjijjijjjjijjjjjie",
     "eekekekgkkkkkkjjikkikkkkkkkkkkkkikkkkikkkkkkkkkkfgfffgfffgjkkkkkifkfkkkkkkkkkkkkhkkkkk"
     "kkkkkkkkkkikkkkjkkkkkkkkkkikjjkjkkkkkkkkkiikkgkkkkkkkkkkkkikkkkkkkkkkkkkkkikkkkkkkkkkk"
     "kkkkikkkekkkkkkkkkkkikkgkkkgkkkkkkkkikkkkkkkkkkkkkkkikkkkkkkkkkkkkkkikkkkkkkkkkkkkkh",
     "ejijjjjjkjkjkkjjjjkjkkkijkkkkkkkgjkkkhkjkkkkkkkkfffeffffffhjkkkgijkgkkkkkkkkkkkkjkkkkk"
     "kkkkkkkkkkiffffefkkkkkkjjkjkkkkkkkkkkkkkkjikjkkkjkjjkkjkjkjjkkjkkkjkkkkkjkijkkkikkkkkk"
     "kkkkjkkkkkkkgkkkkkkkikkkkkkkkkkkkkkkjkkkjkkkkkkkkkkkijkkkikkkkkkkkkkjkkkkkkkkkkkkkkj",
     "hjkkkkjhkhkkkkjhkkkjkjkikkkkkkkjhkekkikjkkkkgkejeeefeefeffgkjkkjjkkkkkkkkkkkkkkkkkkkkk"
     "kkkkkjkjkkkikijhkjkjkkkhhkjkjjhkjkkkkjkhkikkkkikkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkj",
     "fiiiijjjjjjkkkkkjkkkkkkkkkkkkkkkikkkkkkkkkkkkjijigghhhghiikkkkkkkjjiigijjhkiijhjikigij"
     "kkkkikkkkekfhfgegghfkiggffgkffeghiihjkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkj",
     "dfgghghhihiijhjiiiigggihiiiiihiihjiiihjiiihhhjjjjiijjkfjjjjjjjkjggjjjijjjjkjjjjjkkkkkk"
     "gjjjjjkkjkhjjjjjjjkkjkjjjjkkijkjjkkkjjkjkggijjjjjjjkjkjkkkkkkkkkkjjkkkjjkkhjjjjjjjkkjk"
     "kkjkjkkkjkkkjkkkkjkkgjijjijiijjjjjijihkkjkjjjjjjkkkkhjjjjjjjjkjjekjkjjjkjkkjjjkjjijh",
     "dffggghhgghhhihighiihhjihjijjjjjghjjjjjjijjjjjjjghhhhhhhghjjjjjigijjjjjjijjjjjjjhijjji"
     "jkijkjjjkjhijjihjjijkijihjhkijjijjhijkjkkjfkjkjkkkikkkjkkkhjkkkkkkijjkjkkkhkkkkkkjikkj"
     "jkkkhjkkkkjjikkkjkkkhjkkkjkkijjkjkjkhjkkkkkkikkkkkkkhkkkjkkkikkkkkkkhkkkkkkkikkkkkji"},
};

/* Lengths of the codes for lengths 0 to 10, by the length in the known code and whether the symbol
   before occurs. */
static const char pe_dense_known_shapes[20][12] = {
    "eeeeeeddddd", "eeeeeeddddd", "dddddeeeeee", "eddddeedeee", "dedcdeeeeff",
    "ffdbdefffgg", "dfeccdeffgg", "egfdbdefggg", "cffddddeeff", "eggfdbdefgg",
    "cggfedcdeff", "dhhgeccdeef", "biihgfdddff", "dhhgfedcddd", "bhhhhfeddee",
    "chhhhfedcdd", "biiiigfeddd", "ciiiigfedcc", "biiiihhfdec", "biiiihhfedc",
};

#endif
